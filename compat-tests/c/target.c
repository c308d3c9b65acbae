/* target DOMID GUEST: gives DOMID power over GUEST, in the hypervisor and in xenstore, as a stub domain has it. */
#include <stdlib.h>

#include <xenctrl.h>
#include <xenstore.h>

#include "check.h"

int main(int argc, char **argv)
{
    CHECK(argc == 3);
    unsigned domid = atoi(argv[1]), guest = atoi(argv[2]);
    xc_interface *xc = xc_interface_open(NULL, NULL, 0);
    struct xs_handle *xs = xs_open(0);
    CHECK(xc && xs);
    SAME(xc_domain_set_target(xc, domid, guest), 0);
    CHECK(xs_set_target(xs, domid, guest));
    xs_close(xs);
    xc_interface_close(xc);
    return 0;
}
