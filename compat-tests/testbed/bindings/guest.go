// What an application does with Xen's Go bindings: it looks at the host, and makes guests, changes and destroys them.
//
//	guest KERNEL SCRIPT
//
// KERNEL is a PVH guest's that powers off when its command line begins with p; SCRIPT connects a NIC. Numbers that differ from
// run to run are not printed. GetVersionInfo, GetPhysinfo and DomainInfo of a domain that is there are left out: they write to a nil
// pointer.
package main

import (
	"fmt"
	"os"
	"time"

	"xenbits.xenproject.org/git-http/xen.git/tools/golang/xenlight"
)

const (
	memoryKiB = 16 * 1024
	shadowKiB = 4 * 1024
	deadline  = 60 * time.Second
)

func must(what string, err error) {
	if err != nil {
		fmt.Printf("%s: %v\n", what, err)
		os.Exit(1)
	}
}

func host(ctx *xenlight.Context) {
	cpus, err := ctx.GetMaxCpus()
	must("CPUs", err)
	online, err := ctx.GetOnlineCpus()
	must("CPUs that are online", err)
	nodes, err := ctx.GetMaxNodes()
	must("nodes", err)
	fmt.Printf("at most %d CPUs, %d of them online, and %d nodes\n", cpus, online, nodes)
	memory, err := ctx.GetFreeMemory()
	must("free memory", err)
	fmt.Printf("memory is free: %t\n", memory > 0)

	for _, pool := range ctx.ListCpupool() {
		fmt.Printf("pool %d: %s, %v, %d domains, CPUs %v\n", pool.Poolid, pool.PoolName, pool.Sched, pool.NDom, pool.Cpumap)
	}
	must("renaming the pool", ctx.CpupoolRename("other", 0))
	pool, found := ctx.CpupoolFindByName("other")
	fmt.Printf("pool by its new name: %t, %d\n", found, pool.Poolid)
	must("renaming the pool back", ctx.CpupoolRename("Pool-0", 0))
	_, err = ctx.CpupoolInfo(77)
	fmt.Printf("a pool that is not there: %v\n", err)
}

func domains(ctx *xenlight.Context) {
	for _, domain := range ctx.ListDomain() {
		fmt.Printf("domain %s: paused %t, shutdown %t, %v, at most %d KiB, vCPUs %d\n", ctx.DomidToName(domain.Domid),
			domain.Paused, domain.Shutdown, domain.DomainType, domain.MaxMemkb, len(ctx.ListVcpu(domain.Domid)))
	}
}

func nic(last byte, script string) xenlight.DeviceNic {
	nic, err := xenlight.NewDeviceNic()
	must("NIC", err)
	nic.Mac = xenlight.Mac{0x00, 0x16, 0x3e, 0x00, 0x00, last}
	nic.Bridge = "xenbr0"
	nic.Script = script
	nic.Nictype = xenlight.NicTypeVif
	return *nic
}

// create makes a paused guest with a NIC.
func create(ctx *xenlight.Context, name, kernel, cmdline, script string) xenlight.Domid {
	config, err := xenlight.NewDomainConfig()
	must("configuration", err)
	build, err := xenlight.NewDomainBuildInfo(xenlight.DomainTypePvh)
	must("build information", err)
	config.CInfo.Type = xenlight.DomainTypePvh
	config.CInfo.Name = name
	config.BInfo = *build
	config.BInfo.MaxVcpus = 1
	config.BInfo.MaxMemkb = memoryKiB
	config.BInfo.TargetMemkb = memoryKiB
	config.BInfo.ShadowMemkb = shadowKiB
	config.BInfo.Kernel = kernel
	config.BInfo.Cmdline = cmdline
	config.Nics = []xenlight.DeviceNic{nic(1, script)}
	config.OnPoweroff = xenlight.ActionOnShutdownPreserve
	domid, err := ctx.DomainCreateNew(config)
	must("creation of "+name, err)
	return domid
}

// settles waits for the guest to be what the function says.
func settles(ctx *xenlight.Context, domid xenlight.Domid, what string, is func(xenlight.Dominfo) bool) {
	for start := time.Now(); time.Since(start) < deadline; time.Sleep(50 * time.Millisecond) {
		for _, info := range ctx.ListDomain() {
			if info.Domid == domid && is(info) {
				fmt.Printf("the guest is %s\n", what)
				return
			}
		}
	}
	must("waiting for the guest to be "+what, fmt.Errorf("not within %v", deadline))
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: guest KERNEL SCRIPT")
		os.Exit(2)
	}
	kernel, script := os.Args[1], os.Args[2]
	ctx, err := xenlight.NewContext()
	must("context", err)
	host(ctx)
	domains(ctx)

	idle := create(ctx, "idle", kernel, "idle", script)
	ends := create(ctx, "ends", kernel, "p", script)
	domains(ctx)
	byName, err := ctx.NameToDomid("idle")
	must("domid", err)
	fmt.Printf("found by its name: %t\n", byName == idle)

	more := nic(2, script)
	must("another NIC", ctx.DeviceNicAdd(idle, &more))
	must("the NIC's removal", ctx.DeviceNicRemove(idle, &more))
	must("unpausing", ctx.DomainUnpause(idle))
	settles(ctx, idle, "running", func(info xenlight.Dominfo) bool { return !info.Paused })
	must("pausing", ctx.DomainPause(idle))
	settles(ctx, idle, "paused", func(info xenlight.Dominfo) bool { return info.Paused })
	fmt.Printf("shutdown of a guest without drivers: %v\n", ctx.DomainShutdown(idle))

	must("unpausing", ctx.DomainUnpause(ends))
	settles(ctx, ends, "off", func(info xenlight.Dominfo) bool {
		return info.Shutdown && info.ShutdownReason == xenlight.ShutdownReasonPoweroff
	})

	for _, domid := range []xenlight.Domid{ends, idle} {
		must("destruction", ctx.DomainDestroy(domid))
	}
	domains(ctx)
	_, err = ctx.DomainInfo(idle)
	fmt.Printf("information about no domain: %v\n", err)
	_, err = ctx.NameToDomid("idle")
	fmt.Printf("its name: %v\n", err)
	fmt.Printf("its destruction: %v\n", ctx.DomainDestroy(idle))
	must("closing", ctx.Close())
}
