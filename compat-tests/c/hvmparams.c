/*
 * The HVM parameters of a domain: hvmparams DOMID. Numbers of event channels and of the device model's domain differ from
 * run to run; of those only whether they are set is printed. What reading would change is left out.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xenctrl.h>
#include <xen/hvm/params.h>

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    uint32_t domid = strtoul(argv[1], NULL, 10);
    xc_interface *xch = xc_interface_open(NULL, NULL, 0);
    if (!xch)
        return 1;
    for (uint32_t param = 0; param < HVM_NR_PARAMS; param++) {
        uint64_t value = 0;
        switch (param) {
        case HVM_PARAM_IOREQ_PFN:
        case HVM_PARAM_BUFIOREQ_PFN:
        case HVM_PARAM_BUFIOREQ_EVTCHN:
            continue;
        }
        if (xc_hvm_param_get(xch, domid, param, &value)) {
            if (errno != EINVAL)
                printf("%" PRIu32 " %s\n", param, strerror(errno));
            continue;
        }
        switch (param) {
        case HVM_PARAM_STORE_EVTCHN:
        case HVM_PARAM_CONSOLE_EVTCHN:
        case HVM_PARAM_DM_DOMAIN:
            value = !!value;
        }
        printf("%" PRIu32 " %#" PRIx64 "\n", param, value);
    }
    xc_interface_close(xch);
    return 0;
}
