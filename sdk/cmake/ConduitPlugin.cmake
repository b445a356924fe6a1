# conduit_add_plugin(NAME SRCS <files> [LIBS <libraries>])
#   makes NAME.so, a plugin for conduitd, from C++ or C sources.
#
# It exports conduit_plugin_entry and nothing else, so that two plugins with different versions of one library inside
# them do not meet. Symbols are resolved when it is linked: what is missing is the build's error, not the daemon's.

function(conduit_add_plugin name)
  cmake_parse_arguments(ARG "" "" "SRCS;LIBS" ${ARGN})
  set(map ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/conduit-plugin.map)
  if(NOT ARG_SRCS OR ARG_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "conduit_add_plugin(${name} SRCS <files> [LIBS <libraries>]): got ${ARGN}")
  endif()
  add_library(${name} MODULE ${ARG_SRCS})
  set_target_properties(${name} PROPERTIES
    PREFIX ""
    C_VISIBILITY_PRESET hidden
    CXX_VISIBILITY_PRESET hidden
    VISIBILITY_INLINES_HIDDEN ON
    LINK_DEPENDS ${map})

  set(cxx_sources ${ARG_SRCS})
  list(FILTER cxx_sources EXCLUDE REGEX "\\.[ch]$")
  if(cxx_sources)
    target_link_libraries(${name} PRIVATE Conduit::sdk ${ARG_LIBS})
  else()
    target_link_libraries(${name} PRIVATE Conduit::abi ${ARG_LIBS})
  endif()

  # Without this GNU C++ makes inline variables one in the whole process, over the borders of all plugins.
  target_compile_options(${name} PRIVATE
    $<$<AND:$<COMPILE_LANGUAGE:CXX>,$<CXX_COMPILER_ID:GNU>>:-fno-gnu-unique>)
  target_link_options(${name} PRIVATE LINKER:--version-script=${map})
  # A sanitizer's own symbols come from the program that loads the plugin.
  get_directory_property(options COMPILE_OPTIONS)
  if(NOT "${options};${CMAKE_CXX_FLAGS};${CMAKE_C_FLAGS}" MATCHES "-fsanitize")
    target_link_options(${name} PRIVATE LINKER:-z,defs)
  endif()
endfunction()
