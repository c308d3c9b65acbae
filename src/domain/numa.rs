//! Placing a new guest on NUMA nodes: as few nodes as can hold it, and of those the ones with the least to do.

use super::memory;
use crate::log::{Level, Logger};
use crate::types::{Bitmap, DomainConfig};
use crate::xen::{Affinity, CpuTopology, Xen};
use crate::{Domid, Error, Result, log_line};

/// Trying all combinations of more nodes than this would take too long.
const MAX_NODES: usize = 16;

/// A node as far as placement cares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Node {
    free_kb: u64,
    /// CPUs that the guest may use.
    cpus: usize,
    /// All CPUs.
    all_cpus: usize,
    /// vCPUs of other domains that may run here.
    vcpus: usize,
}

/// Chooses nodes for the guest and prefers them for memory and for all its vCPUs, unless the configuration says where.
/// The result is kept in the configuration, so that another domain built from it lands in the same place.
pub fn place(log: &Logger, xen: &Xen, domid: Domid, config: &mut DomainConfig) -> Result<()> {
    if config.b_info.numa_placement == Some(true) {
        if !config.b_info.cpumap.bytes.is_empty() || !config.b_info.vcpu_soft_affinity.is_empty() {
            let why = "a soft affinity has been specified explicitly";
            log_line!(log, Level::Warn, domid, "no NUMA placement, as {why}");
        } else if !config.b_info.nodemap.bytes.is_empty() {
            let why = "the domain has NUMA node affinity set already";
            log_line!(log, Level::Warn, domid, "no NUMA placement, as {why}");
        } else {
            automatic(log, xen, domid, config).map_err(|e| e.context("NUMA placement"))?;
            config.b_info.numa_placement = Some(false);
        }
    }
    let nodes = &config.b_info.nodemap.bytes;
    if !nodes.is_empty()
        && let Err(error) = xen.set_node_affinity(domid, nodes)
    {
        not_preferred(log, domid, "nodes", &error);
    }
    Ok(())
}

/// Where its memory and vCPUs are costs a guest some speed, which is better than not to have the guest.
fn not_preferred(log: &Logger, domid: Domid, what: &str, error: &Error) {
    log_line!(
        log,
        Level::Warn,
        domid,
        "the guest cannot prefer its NUMA {what}, performance might be affected: {error}"
    );
}

/// Lets all vCPUs prefer `cpus`. One line speaks for all that cannot.
fn prefer(log: &Logger, xen: &Xen, domid: Domid, vcpus: u32, cpus: &Bitmap) {
    let soft = Affinity {
        hard: None,
        soft: Some(cpus.bytes.as_slice()),
    };
    let set = |vcpu| xen.set_vcpu_affinity(domid, vcpu, soft, false);
    let failed = (0..vcpus).filter_map(|vcpu| set(vcpu).err());
    if let Some(error) = failed.reduce(|first, _| first) {
        not_preferred(log, domid, "CPUs", &error);
    }
}

fn automatic(log: &Logger, xen: &Xen, domid: Domid, config: &mut DomainConfig) -> Result<()> {
    let topology = xen.cpu_topology()?;
    let numbers = xen.numa_nodes()?;
    let nodes = if numbers.len() < 2 {
        None
    } else if numbers.len() > MAX_NODES {
        let count = numbers.len();
        let advice = "pin vCPUs or use CPU pools instead";
        log_line!(
            log,
            Level::Warn,
            domid,
            "{count} NUMA nodes are too many to choose from: {advice}"
        );
        None
    } else {
        let suitable = suitable_cpus(xen, domid, config)?;
        let mut nodes: Vec<Node> = numbers
            .iter()
            .map(|node| Node {
                free_kb: node.free.unwrap_or(0) / 1024,
                ..Node::default()
            })
            .collect();
        count_cpus(&mut nodes, &topology, &suitable);
        count_vcpus(xen, &mut nodes, &topology, &suitable)?;
        let vcpus = usize::try_from(config.b_info.max_vcpus).unwrap_or(0);
        let chosen = choose(&nodes, memory::need_kb(&config.b_info)?, vcpus);
        match &chosen {
            Some(chosen) => log_line!(log, Level::Detail, domid, "NUMA nodes {chosen:?} chosen"),
            None => log_line!(
                log,
                Level::Info,
                domid,
                "NUMA placement failed, performance might be affected"
            ),
        }
        chosen
    };
    let mut nodemap = Bitmap::full(xen.max_nodes()? as usize);
    if let Some(chosen) = nodes {
        nodemap = Bitmap::new(nodemap.len());
        chosen.into_iter().for_each(|node| nodemap.set(node));
    }
    let mut cpus = Bitmap::new(xen.max_cpus()? as usize);
    for (cpu, place) in topology.iter().enumerate() {
        if place.is_some_and(|place| nodemap.test(place.node as usize)) {
            cpus.set(cpu);
        }
    }
    let vcpus = u32::try_from(config.b_info.max_vcpus).unwrap_or(0);
    prefer(log, xen, domid, vcpus, &cpus);
    config.b_info.nodemap = nodemap;
    Ok(())
}

/// The CPUs of the domain's pool, or those of them that the configuration allows.
fn suitable_cpus(xen: &Xen, domid: Domid, config: &DomainConfig) -> Result<Bitmap> {
    let pool = pool_cpus(xen, domid)?;
    let Some(hard) = config.b_info.vcpu_hard_affinity.first() else {
        return Ok(pool);
    };
    let both = pool.and(hard);
    if both.is_empty() {
        return Err(
            Error::inval("Hard affinity completely outside of domain's cpupool!")
                .domain(domid)
                .hint("choose cpus= that are in the pool"),
        );
    }
    Ok(both)
}

fn pool_cpus(xen: &Xen, domid: Domid) -> Result<Bitmap> {
    let info = xen.domain_info_required(domid)?;
    let pool = xen.cpupool(info.cpupool)?;
    Ok(Bitmap {
        bytes: pool.map(|pool| pool.cpus).unwrap_or_default(),
    })
}

fn count_cpus(nodes: &mut [Node], topology: &[Option<CpuTopology>], suitable: &Bitmap) {
    for (cpu, place) in topology.iter().enumerate() {
        let node = place.and_then(|place| nodes.get_mut(place.node as usize));
        if let Some(node) = node {
            node.all_cpus += 1;
            node.cpus += usize::from(suitable.test(cpu));
        }
    }
}

/// Counts for each node the vCPUs that may run there: their domain prefers it, and they may use one of its CPUs.
fn count_vcpus(
    xen: &Xen,
    nodes: &mut [Node],
    topology: &[Option<CpuTopology>],
    suitable: &Bitmap,
) -> Result<()> {
    for info in xen.domain_list()? {
        if info.max_vcpu_id == u32::MAX {
            continue;
        }
        let usable = pool_cpus(xen, info.domid)?.and(suitable);
        let preferred = Bitmap {
            bytes: xen.node_affinity(info.domid)?,
        };
        for vcpu in 0..=info.max_vcpu_id {
            // The domain may have ended since it was listed.
            let Ok((hard, _)) = xen.vcpu_affinity(info.domid, vcpu) else {
                break;
            };
            let cpus = usable.and(&Bitmap { bytes: hard });
            for (number, node) in nodes.iter_mut().enumerate() {
                let here = |cpu: usize| {
                    let place = topology.get(cpu).copied().flatten();
                    place.is_some_and(|place| place.node as usize == number)
                };
                node.vcpus += usize::from(preferred.test(number) && cpus.iter().any(here));
            }
        }
    }
    Ok(())
}

/// The best of the smallest sets of nodes that have `need_kb` free and at least `cpus` CPUs. Of equally small ones the
/// one with fewer vCPUs to run is better, and then the one with more free memory.
fn choose(nodes: &[Node], need_kb: u64, cpus: usize) -> Option<Vec<usize>> {
    let usable: Vec<usize> = (0..nodes.len()).filter(|&n| nodes[n].cpus > 0).collect();
    let mut combinations: Vec<(u32, Vec<usize>)> = (1u32..1 << usable.len())
        .map(|bits| {
            let chosen = usable.iter().enumerate();
            let chosen = chosen.filter(|(at, _)| bits & (1 << at) != 0);
            (bits.count_ones(), chosen.map(|(_, &node)| node).collect())
        })
        .filter(|(_, chosen): &(u32, Vec<usize>)| {
            let sum = |of: fn(&Node) -> u64| chosen.iter().map(|&n| of(&nodes[n])).sum::<u64>();
            sum(|node| node.free_kb) >= need_kb && sum(|node| node.cpus as u64) >= cpus as u64
        })
        .collect();
    let least = least_nodes(nodes, cpus).min(u32::try_from(usable.len()).unwrap_or(0));
    combinations.retain(|(size, _)| *size >= least);
    combinations
        .into_iter()
        .min_by_key(|(size, chosen)| {
            let vcpus: usize = chosen.iter().map(|&n| nodes[n].vcpus).sum();
            let free: u64 = chosen.iter().map(|&n| nodes[n].free_kb).sum();
            (*size, vcpus, std::cmp::Reverse(free))
        })
        .map(|(_, chosen)| chosen)
}

/// How many nodes it takes at least, where all nodes have the same number of CPUs.
fn least_nodes(nodes: &[Node], cpus: usize) -> u32 {
    let per_node = nodes.first().map_or(0, |node| node.all_cpus);
    if per_node == 0 || nodes.iter().any(|node| node.all_cpus != per_node) {
        return 1;
    }
    u32::try_from(cpus.div_ceil(per_node)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::testing::Bench;

    #[test]
    fn a_guest_without_its_preferences_is_still_a_guest() {
        let bench = Bench::new();
        // A hypervisor that refuses everything.
        let xen = Xen::new(None);
        let mut config = DomainConfig::default();
        config.b_info.nodemap = [1].into_iter().collect();
        bench
            .ctx
            .block_on(async |op| place(op.log(), &xen, 7, &mut config))
            .expect("the guest is made all the same");
        let cpus = [0, 1].into_iter().collect();
        bench
            .ctx
            .block_on(async |op| {
                prefer(op.log(), &xen, 7, 3, &cpus);
                Ok(())
            })
            .unwrap();
        let lines = bench.lines.lock().unwrap().clone();
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines[0].starts_with("Domain 7:") && lines[0].contains("NUMA nodes"));
        assert!(lines[1].starts_with("Domain 7:") && lines[1].contains("NUMA CPUs"));
    }

    fn node(free_mb: u64, cpus: usize, vcpus: usize) -> Node {
        Node {
            free_kb: free_mb << 10,
            cpus,
            all_cpus: 4,
            vcpus,
        }
    }

    #[test]
    fn one_idle_node_is_best() {
        let nodes = [node(1000, 4, 3), node(500, 4, 1), node(900, 4, 1)];
        assert_eq!(choose(&nodes, 400 << 10, 2), Some(vec![2]));
        assert_eq!(choose(&nodes, 950 << 10, 2), Some(vec![0]));
    }

    #[test]
    fn more_nodes_when_one_does_not_do() {
        let nodes = [node(1000, 4, 3), node(500, 4, 1), node(900, 4, 1)];
        assert_eq!(choose(&nodes, 1200 << 10, 2), Some(vec![1, 2]));
        assert_eq!(choose(&nodes, 100 << 10, 6), Some(vec![1, 2]));
        assert_eq!(choose(&nodes, 5000 << 10, 2), None);
        assert_eq!(choose(&nodes, 100 << 10, 13), None);
    }

    #[test]
    fn nodes_without_usable_cpus_are_out() {
        let nodes = [node(1000, 0, 0), node(500, 4, 9)];
        assert_eq!(choose(&nodes, 100 << 10, 1), Some(vec![1]));
        assert_eq!(choose(&[], 100, 1), None);
    }
}
