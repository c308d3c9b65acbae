/* crash DOMID: the domain stops as if its kernel had crashed. */
#include <stdlib.h>

#include <xenctrl.h>

#include "check.h"

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    xc_interface *xc = xc_interface_open(NULL, NULL, 0);
    CHECK(xc);
    SAME(xc_domain_shutdown(xc, atoi(argv[1]), SHUTDOWN_crash), 0);
    xc_interface_close(xc);
    return 0;
}
