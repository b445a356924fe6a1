# Flag targets, dependencies and the two helpers by which every target of the project is made.

find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(Boost 1.81 REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(OpenSSL REQUIRED)

# What our code is compiled with. Linked PRIVATE by our own targets only, never by what we install.
add_library(conduit_settings INTERFACE)
# Boost comes in as a system include directory: Asio 1.81 warns under -Wconversion.
target_include_directories(conduit_settings SYSTEM INTERFACE ${Boost_INCLUDE_DIRS})
target_compile_definitions(conduit_settings INTERFACE
  BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_SEPARATE_COMPILATION BOOST_DLL_USE_STD_FS
  $<$<BOOL:${CONDUIT_FAILPOINTS}>:CONDUIT_FAILPOINTS>)
target_link_libraries(conduit_settings INTERFACE Threads::Threads)
target_link_options(conduit_settings INTERFACE -Wl,-z,relro,-z,now)

add_library(conduit_warnings INTERFACE)
target_compile_options(conduit_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion
  $<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor>
  $<$<BOOL:${CONDUIT_WERROR}>:-Werror>)

# Hardening applies to optimised builds; sanitizers bring checks of their own.
if(CONDUIT_SANITIZE)
  add_compile_options(-fsanitize=${CONDUIT_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${CONDUIT_SANITIZE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # Warnings that follow the flow of data misread instrumented code; the other presets have them as errors.
    add_compile_options(-Wno-array-bounds -Wno-maybe-uninitialized -Wno-restrict -Wno-stringop-overflow
      $<$<COMPILE_LANGUAGE:CXX>:-Wno-mismatched-new-delete>)
    # Asio has fences, which ThreadSanitizer does not model; g++ says so for each.
    add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-Wno-tsan>)
  endif()
else()
  add_compile_options($<$<CONFIG:Release,RelWithDebInfo>:-U_FORTIFY_SOURCE>
    $<$<CONFIG:Release,RelWithDebInfo>:-D_FORTIFY_SOURCE=2>)
  add_compile_options(-fstack-protector-strong -fstack-clash-protection)
  add_compile_definitions($<$<COMPILE_LANGUAGE:CXX>:_GLIBCXX_ASSERTIONS>)
endif()
if(CMAKE_UNITY_BUILD AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # Several sources make one unit: g++ then takes a source for a header, and the frames of its coroutines for shared.
  add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-Wno-subobject-linkage>)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ 12, once it optimises, takes Asio's own allocation of coroutine frames for a mismatch.
  add_compile_options($<$<AND:$<COMPILE_LANGUAGE:CXX>,$<NOT:$<CONFIG:Debug>>>:-Wno-mismatched-new-delete>)
  # A precompiled header keeps ccache useful only when it is preprocessed with the source.
  add_compile_options(-fpch-preprocess)
else()
  add_compile_options("SHELL:-Xclang -fno-pch-timestamp")
endif()

if(CONDUIT_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

# One precompiled header for every daemon target: Asio's awaitable is most of what a source file costs.
function(conduit_use_precompiled_header target)
  if(NOT TARGET conduitd_pch)
    file(WRITE ${PROJECT_BINARY_DIR}/pch.cpp "// Carries the precompiled header.\n")
    add_library(conduitd_pch STATIC ${PROJECT_BINARY_DIR}/pch.cpp)
    target_link_libraries(conduitd_pch PRIVATE conduit_settings conduit_warnings fmt::fmt)
    target_precompile_headers(conduitd_pch PRIVATE
      <boost/asio/awaitable.hpp> <boost/asio/co_spawn.hpp> <boost/asio/io_context.hpp>
      <boost/asio/steady_timer.hpp> <boost/asio/use_awaitable.hpp> <boost/asio/redirect_error.hpp>
      <boost/outcome/basic_result.hpp> <boost/outcome/try.hpp>
      <fmt/format.h>
      <chrono> <functional> <map> <memory> <optional> <string> <unordered_map> <vector>)
  endif()
  target_precompile_headers(${target} REUSE_FROM conduitd_pch)
endfunction()

# conduit_library(NAME <folder> SRCS <files> [DEPS <targets>] [PRIVATE_DEPS <targets>])
#   makes conduitd_<folder>, one static library for one folder of daemon/.
function(conduit_library)
  cmake_parse_arguments(ARG "" "NAME" "SRCS;DEPS;PRIVATE_DEPS" ${ARGN})
  set(target conduitd_${ARG_NAME})
  add_library(${target} STATIC ${ARG_SRCS})
  target_include_directories(${target} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/daemon>)
  target_link_libraries(${target}
    PUBLIC ${ARG_DEPS} fmt::fmt
    PRIVATE conduit_settings conduit_warnings ${ARG_PRIVATE_DEPS})
  conduit_use_precompiled_header(${target})
endfunction()

# conduit_test(NAME <name> LABEL <label> SRCS <files> [DEPS <targets>] [TIMEOUT <s>] [FILTER <pattern>])
#   makes one GoogleTest program and one CTest entry for each of its tests (that the pattern, as of --gtest_filter, lets through).
function(conduit_test)
  cmake_parse_arguments(ARG "" "NAME;LABEL;TIMEOUT;FILTER" "SRCS;DEPS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 60)
  endif()
  if(CONDUIT_SANITIZE)
    math(EXPR ARG_TIMEOUT "3 * ${ARG_TIMEOUT}")
  endif()
  add_executable(${ARG_NAME} ${ARG_SRCS})
  target_include_directories(${ARG_NAME} PRIVATE ${PROJECT_SOURCE_DIR}/daemon ${PROJECT_SOURCE_DIR}/tests)
  target_link_libraries(${ARG_NAME} PRIVATE
    conduit_settings conduit_warnings ${ARG_DEPS} GTest::gtest GTest::gmock GTest::gtest_main)
  # Programs are compiled as the libraries are: a precompiled header made with -fPIC does not serve -fPIE.
  set_target_properties(${ARG_NAME} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
  target_compile_options(${ARG_NAME} PRIVATE -fPIC)
  conduit_use_precompiled_header(${ARG_NAME})
  if(NOT ARG_FILTER)
    set(ARG_FILTER "*")
  endif()
  gtest_discover_tests(${ARG_NAME} TEST_FILTER ${ARG_FILTER} DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 60
    PROPERTIES LABELS ${ARG_LABEL} TIMEOUT ${ARG_TIMEOUT})
endfunction()
