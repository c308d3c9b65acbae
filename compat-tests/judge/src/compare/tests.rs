use super::*;
use crate::testing::Bed;

/// The verdict on what both libraries recorded in one run, when `allowed` is what the list has.
fn between(c: &[(&str, &str)], ours: &[(&str, &str)]) -> Verdict {
    let bed = Bed::new();
    bed.records("pv.c", "box=5 ", c);
    bed.records("pv.ours", "box=9 ", ours);
    verdict(&bed, "pv")
}

fn verdict(bed: &Bed, name: &str) -> Verdict {
    let notes = bed.notes();
    let allowed = Allowed::read(&notes.bed.join("allowed"), notes.release).expect("the list");
    judge(&notes, &allowed, &bed.results(), name).expect("a verdict")
}

fn differs(lines: &[&str]) -> Verdict {
    Verdict::Differs(lines.iter().map(|&line| line.to_owned()).collect())
}

#[test]
fn the_same_but_for_numbers_of_the_run() {
    let c = [
        ("list", "domid: 5\nvcpus 2\n"),
        ("box.store", "/libxl/5 = \"\"\n/x/port = \"3\"\n"),
    ];
    let ours = [
        ("list", "domid: 9\nvcpus 2\n"),
        ("box.store", "/x/port = \"7\"\n/libxl/9 = \"\"\n"),
    ];
    assert_eq!(between(&c, &ours), Verdict::Same);
}

#[test]
fn a_line_that_differs_is_seen() {
    assert_eq!(
        between(&[("list", "vcpus 2\nb\n")], &[("list", "vcpus 3\nb\n")]),
        differs(&["< vcpus 2", "> vcpus 3"])
    );
    assert_eq!(
        between(&[("box.store", "/libxl/5 = \"\"\n")], &[("box.store", "")]),
        differs(&["< /libxl/<box> = \"\""])
    );
    // In a command's output, unlike in a tree, order counts.
    assert_eq!(
        between(&[("list", "a\nb\n")], &[("list", "b\na\n")]),
        differs(&["< a", "> a"])
    );
    assert_eq!(
        between(&[("x.store", "a\nb\n")], &[("x.store", "b\na\n")]),
        Verdict::Same
    );
}

#[test]
fn a_record_that_one_library_lacks_is_seen() {
    assert_eq!(
        between(&[("a", ""), ("b", "")], &[("a", "")]),
        differs(&["Only in the C library: b"])
    );
    assert_eq!(
        between(&[("a", "")], &[("a", ""), ("b", "")]),
        differs(&["Only in ours: b"])
    );
}

#[test]
fn what_is_allowed_is_no_difference_and_nothing_else() {
    let c = [("list", "/wanted/5\nb\n")];
    assert_eq!(between(&c, &[("list", "b\n")]), differs(&["< /wanted/5"]));
    let c = [("list", "/libxl/5/wanted = 1\nb\n")];
    assert_eq!(between(&c, &[("list", "b\n")]), Verdict::Same);
    // Only on that side, and not its neighbours.
    let ours = [("list", "/libxl/9/wanted = 1\nb\n")];
    assert_eq!(
        between(&[("list", "b\n")], &ours),
        differs(&["> /libxl/<box>/wanted = 1"])
    );
    assert_eq!(between(&c, &[("list", "x\n")]), differs(&["< b", "> x"]));
}

#[test]
fn a_record_that_is_none_is_no_verdict() {
    let bed = Bed::new();
    bed.records("pv.c", "box=5 ", &[("a", "")]);
    bed.records("pv.ours", "box=<5 ", &[("a", "")]);
    assert!(matches!(verdict(&bed, "pv"), Verdict::Unreadable(_)));
    assert!(!run(&bed.notes(), &bed.results(), false).expect("judged"));
    let failures = fs::read_to_string(bed.results().join("failures")).expect("failures");
    assert!(failures.starts_with("pv: not compared: "), "{failures}");
}

#[test]
fn notes_stand_for_the_c_library_while_they_are_current() {
    let bed = Bed::new();
    bed.records("pv.ours", "box=9 ", &[("a", "domid: 9\n")]);
    assert_eq!(verdict(&bed, "pv"), Verdict::NothingToCompareWith);
    bed.note("pv", &[("a", "domid: <box>\n")]);
    assert_eq!(verdict(&bed, "pv"), Verdict::Same);
    bed.note("pv", &[("a", "domid: <other>\n")]);
    assert_eq!(
        verdict(&bed, "pv"),
        differs(&["< domid: <other>", "> domid: <box>"])
    );
    // What was recorded in this run counts, not the notes.
    bed.records("pv.c", "box=5 ", &[("a", "domid: 5\n")]);
    assert_eq!(verdict(&bed, "pv"), Verdict::Same);
    fs::remove_dir_all(bed.results().join("pv.c")).expect("removed");
    bed.append("scenarios/guests/pv.sh", "true\n");
    assert_eq!(verdict(&bed, "pv"), Verdict::NothingToCompareWith);
}

#[test]
fn a_flood_is_cut() {
    let lines = vec!["< x".to_owned(); MAX_SHOWN];
    assert_eq!(shown(&lines, "pv"), "    < x\n".repeat(MAX_SHOWN));
    let more = [&lines[..], &lines[..2]].concat();
    let text = shown(&more, "pv");
    assert_eq!(text.lines().count(), MAX_SHOWN + 1);
    assert!(text.ends_with("    and 2 more in pv.difference\n"));
}

#[test]
fn silence_is_no_equality() {
    let bed = Bed::new();
    let ours = bed.results().join("pv.ours");
    fs::create_dir(&ours).expect("made");
    assert_eq!(verdict(&bed, "pv"), Verdict::Silent);
    bed.note("pv", &[("a", "")]);
    assert_eq!(verdict(&bed, "pv"), Verdict::NothingRecorded);
    assert!(!run(&bed.notes(), &bed.results(), false).expect("judged"));
    // Outdated notes say nothing of what should be recorded; the same run does.
    bed.append("scenarios/guests/pv.sh", "true\n");
    assert_eq!(verdict(&bed, "pv"), Verdict::Silent);
    bed.records("pv.c", "", &[("a", "")]);
    assert_eq!(verdict(&bed, "pv"), Verdict::NothingRecorded);
    fs::write(ours.join("skipped"), "no reason").expect("written");
    assert_eq!(verdict(&bed, "pv"), Verdict::Silent);
}

#[test]
fn a_run_fails_where_a_scenario_differs() {
    let bed = Bed::new();
    let judged = |strict| run(&bed.notes(), &bed.results(), strict).expect("judged");
    let failures = || fs::read_to_string(bed.results().join("failures")).unwrap_or_default();
    bed.note("pv", &[("a", "1\n")]);
    bed.records("pv.ours", "", &[("a", "1\n")]);
    assert!(judged(true));
    assert_eq!(failures(), "");
    bed.records("dump.ours", "", &[("a", "2\n")]);
    assert!(judged(false));
    assert!(!judged(true));
    assert_eq!(
        failures(),
        "dump: not compared: records/dump is missing or outdated; run --lib c --note dump makes it\n"
    );
    bed.records("dump.c", "", &[("a", "3\n")]);
    assert!(!judged(false));
    assert_eq!(
        failures().lines().count(),
        2,
        "the failures of the job stay"
    );
    let difference = fs::read_to_string(bed.results().join("dump.difference"));
    assert_eq!(difference.expect("a difference"), "< 3\n> 2\n");
    let compared = fs::read(bed.results().join("compared/dump.c/a"));
    assert_eq!(compared.expect("a record"), b"3\n");
}

#[test]
fn an_unused_line_is_told_once_everything_was_compared() {
    let bed = Bed::new();
    let notes = bed.notes();
    let allowed = Allowed::read(&notes.bed.join("allowed"), notes.release).expect("the list");
    let set = |names: &[&str]| -> BTreeSet<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    };
    let told =
        |compared: &[&str]| no_longer_used(&allowed, &set(&["hvm", "pv"]), &set(compared)).len();
    assert_eq!(told(&["pv"]), 0);
    assert_eq!(told(&["hvm", "pv", "pvh"]), 1);
    assert!(allowed.has("< /libxl/<box>/wanted = 1"));
    assert_eq!(told(&["hvm", "pv", "pvh"]), 0);
}
