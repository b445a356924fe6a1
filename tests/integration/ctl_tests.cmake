# The real conduitctl on brokers of their own; the tests play the worker.
conduit_test(NAME ctl_integration_test LABEL integration TIMEOUT 120
  SRCS ctl_cron_test.cpp ctl_event_test.cpp ctl_job_test.cpp ctl_submit_test.cpp ctl_operator_test.cpp ctl_flow_test.cpp ctl_program.cpp
    ${PROJECT_SOURCE_DIR}/tests/support/leaks.cpp
  DEPS conduitd_broker conduit_redis_server)
target_compile_definitions(ctl_integration_test PRIVATE
  CONDUITCTL_BINARY="$<TARGET_FILE:conduitctl>" CONDUIT_SOURCE_DIR="${PROJECT_SOURCE_DIR}" CONDUIT_TEST_PLUGINS="${PROJECT_BINARY_DIR}/tests/plugins")
add_dependencies(ctl_integration_test conduitctl test_plugins)

find_package(Python3 REQUIRED COMPONENTS Interpreter)
add_test(NAME install.plugin_new COMMAND ${Python3_EXECUTABLE} -B ${CMAKE_CURRENT_SOURCE_DIR}/ctl_plugin_new.py
  ${CMAKE_COMMAND} ${PROJECT_SOURCE_DIR} ${CMAKE_CXX_COMPILER} $<TARGET_FILE:conduitctl>)
set_tests_properties(install.plugin_new PROPERTIES LABELS install TIMEOUT 600)
add_test(NAME ctl_completions COMMAND ${Python3_EXECUTABLE} -B ${CMAKE_CURRENT_SOURCE_DIR}/ctl_completions.py
  $<TARGET_FILE:conduitctl> ${PROJECT_SOURCE_DIR}/packaging/completions/conduitctl ${PROJECT_SOURCE_DIR}/packaging/man/conduitctl.1)
set_tests_properties(ctl_completions PROPERTIES LABELS integration TIMEOUT 120)
