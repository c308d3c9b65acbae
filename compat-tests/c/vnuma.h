/* A domain's virtual nodes, as the hypervisor keeps them for it. */
static void virtual_nodes(xc_interface *xch, uint32_t domid)
{
    uint32_t nodes = 16, ranges = 64, vcpus = 128;
    xen_vmemrange_t range[64];
    unsigned int distance[16 * 16], node[128];
    if (xc_domain_getvnuma(xch, domid, &nodes, &ranges, &vcpus, range, distance, node)) {
        printf("no virtual nodes: %s\n", strerror(errno));
        return;
    }
    for (uint32_t i = 0; i < ranges; i++)
        printf("node %u: %#" PRIx64 "-%#" PRIx64 "\n", range[i].nid, range[i].start, range[i].end);
    for (uint32_t i = 0; i < nodes * nodes; i++)
        printf("distance of %u and %u: %u\n", i / nodes, i % nodes, distance[i]);
    for (uint32_t i = 0; i < vcpus; i++)
        printf("vcpu %u: node %u\n", i, node[i]);
}
