/* What CPUID and model specific registers tell a domain, as the hypervisor keeps it: cpupolicy DOMID. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xenctrl.h>

#define LEAVES 512
#define MSRS 64

int main(int argc, char **argv)
{
    xc_interface *xch = xc_interface_open(NULL, NULL, 0);
    struct xen_domctl domctl = { .cmd = XEN_DOMCTL_get_cpu_policy };
    DECLARE_HYPERCALL_BUFFER(xen_cpuid_leaf_t, leaves);
    DECLARE_HYPERCALL_BUFFER(xen_msr_entry_t, msrs);

    if (argc != 2 || !xch)
        return 2;
    leaves = xc_hypercall_buffer_alloc(xch, leaves, LEAVES * sizeof(*leaves));
    msrs = xc_hypercall_buffer_alloc(xch, msrs, MSRS * sizeof(*msrs));
    if (!leaves || !msrs)
        return 2;
    domctl.domain = atoi(argv[1]);
    domctl.u.cpu_policy.nr_leaves = LEAVES;
    domctl.u.cpu_policy.nr_msrs = MSRS;
    set_xen_guest_handle(domctl.u.cpu_policy.leaves, leaves);
    set_xen_guest_handle(domctl.u.cpu_policy.msrs, msrs);
    if (xc_domctl(xch, &domctl)) {
        fprintf(stderr, "cpupolicy: %s\n", strerror(errno));
        return 1;
    }
    for (uint32_t i = 0; i < domctl.u.cpu_policy.nr_leaves; i++)
        printf("%08x:%08x %08x %08x %08x %08x\n", leaves[i].leaf, leaves[i].subleaf, leaves[i].a, leaves[i].b,
               leaves[i].c, leaves[i].d);
    for (uint32_t i = 0; i < domctl.u.cpu_policy.nr_msrs; i++)
        printf("msr %08x %016" PRIx64 "\n", msrs[i].idx, msrs[i].val);
    xc_hypercall_buffer_free(xch, leaves);
    xc_hypercall_buffer_free(xch, msrs);
    return xc_interface_close(xch);
}
