/* Loads a plugin as a host would and prints what it says of itself. */
#include <conduit/abi.h>
#include <dlfcn.h>
#include <stdio.h>

int main(int count, char** arguments) {
  void* library = count == 2 ? dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL) : NULL;
  conduit_plugin_entry_fn entry = NULL;
  const conduit_plugin* plugin;
  if (library == NULL) {
    fprintf(stderr, "%s\n", dlerror());
    return 1;
  }
  *(void**)&entry = dlsym(library, "conduit_plugin_entry");
  if (entry == NULL) return 1;
  plugin = entry();
  printf("%.*s uses_asio=%u boost=%.*s compiler=%.*s\n", (int)plugin->name.size, plugin->name.data, plugin->uses_asio,
         (int)plugin->boost.size, plugin->boost.data, (int)plugin->compiler.size, plugin->compiler.data);
  return 0;
}
