/* shutdown DOMID REASON: takes a guest down as if it had asked for it: 5 is a soft reset. */
#include <stdlib.h>

#include <xenctrl.h>

#include "check.h"

int main(int argc, char **argv)
{
    CHECK(argc == 3);
    xc_interface *xc = xc_interface_open(NULL, NULL, 0);
    CHECK(xc);
    SAME(xc_domain_shutdown(xc, atoi(argv[1]), atoi(argv[2])), 0);
    xc_interface_close(xc);
    return 0;
}
