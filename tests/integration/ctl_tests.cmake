# The real conduitctl on database files; the tests play the worker.
conduit_test(NAME ctl_integration_test LABEL integration TIMEOUT 120
  SRCS ctl_job_test.cpp ctl_submit_test.cpp ctl_operator_test.cpp ctl_program.cpp
  DEPS conduitd_broker)
target_compile_definitions(ctl_integration_test PRIVATE
  CONDUITCTL_BINARY="$<TARGET_FILE:conduitctl>" CONDUIT_TEST_PLUGINS="${PROJECT_BINARY_DIR}/tests/plugins")
add_dependencies(ctl_integration_test conduitctl test_plugins)
