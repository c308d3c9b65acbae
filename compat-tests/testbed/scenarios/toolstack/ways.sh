# The ways to put the library under xl: found first (LD_LIBRARY_PATH), the file replaced, preloaded (LD_PRELOAD).
for way in path replace preload; do
    job_mode=$way use_library "$bed_lib"
    guest "by-$way" pvh 'cmdline="idle"'
    create "by-$way"
    expect_library "$(xl_daemon "by-$way")" "the xl that watches by-$way"
    destroy "by-$way"
done
