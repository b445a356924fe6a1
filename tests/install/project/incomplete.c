#include <conduit/abi.h>

int nowhere_to_be_found(void);

const conduit_plugin* conduit_plugin_entry(void) {
  nowhere_to_be_found();
  return 0;
}
