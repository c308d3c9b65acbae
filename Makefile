# The front door. `make help` lists what there is.

# The release of Xen to build for: make XEN=4.20. What is built for another one than this host's Debian ships goes to build/4.20.
RELEASES  := idl/release/releases.tsv
DEFAULT   := $(shell bash -c '. stubdom/debian.sh && own_xen')
XEN       ?= $(DEFAULT)
# Where nobody names a release, make test is about the others as well.
OTHERS    := $(if $(filter file,$(origin XEN)),$(filter-out $(DEFAULT),$(shell awk '$$3 == "default" || $$3 == "built" { print $$1 }' $(RELEASES))))
NODE      := $(shell awk '$$1 == "$(XEN)" && $$3 != "described" { print $$2 }' $(RELEASES))
ifeq ($(NODE),)
$(error XEN=$(XEN): $(RELEASES) lists what can be built)
endif
export XEN
export XENLIGHT_XEN := $(XEN)
SONAME    := libxenlight.so.$(XEN)
REALNAME  := $(SONAME).0
EXPORTS   := capi/abi/exports.tsv

PREFIX    ?= /usr
LIBDIR    ?= $(PREFIX)/lib/$(MULTIARCH)
SBINDIR   ?= $(PREFIX)/sbin
INCLUDEDIR ?= $(PREFIX)/include
MANDIR    ?= $(PREFIX)/share/man
DESTDIR   ?=

CC        ?= cc
CARGO     ?= cargo
BUILD     := build$(if $(filter $(DEFAULT),$(XEN)),,/$(XEN))
export XENLIGHT_BUILD := $(CURDIR)/$(BUILD)
LIB       := $(BUILD)/lib
# PROFILE=dev builds quickly, for work on the library itself.
PROFILE   ?= release
# CARGO_TARGET_DIR or cargo's configuration may have moved it.
TARGET    := $(or $(CARGO_TARGET_DIR),$(shell $(CARGO) metadata --no-deps --format-version 1 2>/dev/null | \
    sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p'),target)
# Each release has its own, so that nobody waits for the other's to be built again.
ifneq ($(XEN),$(DEFAULT))
ifeq ($(filter %/$(XEN),$(TARGET)),)
TARGET    := $(TARGET)/$(XEN)
endif
export CARGO_TARGET_DIR := $(abspath $(TARGET))
endif
OUT       := $(TARGET)/$(if $(filter dev,$(PROFILE)),debug,$(PROFILE))
STATICLIB := $(OUT)/libxenlight_capi.a
# The library that can be told to fail (docs/faults.md). It shares the tests' dependencies, and integer overflows are caught.
FAULTS_STATICLIB := $(BUILD)/faults/libxenlight_capi.a
FAULTS_LIB := $(BUILD)/faults/lib/$(REALNAME)
INSPECT   := $(BUILD)/bin/xenlight-inspect
SERVE     := $(BUILD)/bin/xenlight-serve
XEN_LIBS  := -lxentoollog -lxenevtchn -lxenctrl -lxenforeignmemory -lxendevicemodel -lxenhypfs -lyajl

comma     := ,
# A release that this host does not have: the test bed's copy of Debian's packages, and bindings made from their headers.
MULTIARCH := $(shell $(CC) -print-multiarch)
FOREIGN   := $(if $(or $(XENLIGHT_XEN_PREFIX),$(wildcard /usr/lib/$(MULTIARCH)/libxenctrl.so.$(XEN))),,$(filter-out $(DEFAULT),$(XEN)))
ifdef FOREIGN
export XENLIGHT_XEN_PREFIX := $(CURDIR)/$(BUILD)/prefix
endif
ifdef XENLIGHT_XEN_PREFIX
XEN_CFLAGS  := -isystem $(XENLIGHT_XEN_PREFIX)/include
# Its libc may be newer than this host's.
XEN_LDFLAGS := -L$(XENLIGHT_XEN_PREFIX)/lib -L$(XENLIGHT_XEN_PREFIX)/lib/$(MULTIARCH) -Wl,--allow-shlib-undefined
BINDINGS  := own
endif
# BINDINGS=own: made from the headers by bindgen, in place of the crate xenctrl-sys, which binds this host's and is GPL-3.0-only.
OWN_BINDINGS := $(if $(filter own,$(BINDINGS)),--no-default-features)
ifdef FOREIGN
# Unit tests that are linked with it run on its own libc.
TEST_FLAGS := CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUSTFLAGS='$(patsubst %,-C link-arg=-Wl$(comma)%,--allow-shlib-undefined \
    --dynamic-linker=$(XENLIGHT_XEN_PREFIX)/lib/run/ld-linux-x86-64.so.2 \
    -rpath=$(XENLIGHT_XEN_PREFIX)/lib/$(MULTIARCH):$(XENLIGHT_XEN_PREFIX)/lib/run)'
endif

# Incremental builds only cost time where everything is built once.
ifdef CI
export CARGO_INCREMENTAL := 0
endif

# Of the debugging information of Rust's own library nobody gets anything; STRIP= keeps it.
STRIP     ?= -Wl,--strip-debug

# Where the host has its Xen: `make QEMU=/opt/qemu XEN_BOOTDIR=...` hands on to src/paths.rs, which has the names and Debian's places.
PLACES    := $(shell sed -n 's/^    \([A-Z_]*\) = "\/.*/\1/p' src/paths.rs)
$(foreach place,$(PLACES),$(if $(findstring command,$(origin $(place))),$(eval export XENLIGHT_$(place) := $($(place)))))
# place NAME: where it is, as chosen or Debian's.
place      = $(or $(XENLIGHT_$(1)),$(shell sed -n 's/" RELEASE "/$(XEN)/; s/^    $(1) = "\(.*\)";/\1/p' src/paths.rs))
BOOTDIR    = $(call place,XEN_BOOTDIR)

# Cargo, and scripts that call it, take part in --jobs; but a dry run runs what has a plus sign, too.
SHARING   := $(if $(findstring n,$(firstword -$(MAKEFLAGS))),,+)

# These goals install what they miss, as Debian packages; all others name it and stop.
INSTALLING := prerequisites check demo test test-as-well test-without-xen compare test-reference test-long test-packages bench faults valgrind tsan deb
STEPS     := build $(if $(filter $(INSTALLING),$(MAKECMDGOALS)),check) \
    $(if $(filter-out check tsan deb,$(filter $(INSTALLING),$(MAKECMDGOALS))),bed test) $(filter tsan,$(MAKECMDGOALS)) \
    $(if $(filter deb test-packages,$(MAKECMDGOALS)),deb) $(if $(filter test-long,$(MAKECMDGOALS)),bindings)

.PHONY: all
all: $(LIB)/$(REALNAME) $(INSPECT) $(SERVE) $(BUILD)/xenlight.pc ## build the library (build/lib), xenlight-inspect and xenlight-serve (build/bin), xenlight.pc

.PHONY: prerequisites
prerequisites: $(if $(FOREIGN),$(BUILD)/prefix) ## install the Debian packages that build and tests use
	@compat-tests/prerequisites $(if $(filter $(INSTALLING),$(MAKECMDGOALS)),--install) $(STEPS)

$(BUILD)/prefix: FORCE
	@mkdir -p $(@D)
	@ln -sfn "$$($(BED)/setup headers)" $@

.PHONY: FORCE
FORCE:
$(STATICLIB): FORCE | prerequisites
	$(SHARING)$(CARGO) build --profile $(PROFILE) --package xenlight-capi $(OWN_BINDINGS)
$(FAULTS_STATICLIB): FORCE | prerequisites $(if $(filter dev,$(PROFILE)),$(LIB)/$(REALNAME))
	$(SHARING)$(CARGO) build --features faults --package xenlight-capi $(OWN_BINDINGS)
	@mkdir -p $(@D)
	cp $(TARGET)/debug/libxenlight_capi.a $@

$(INSPECT): FORCE | prerequisites
	$(SHARING)$(CARGO) build --profile $(PROFILE) --package xenlight --bin xenlight-inspect $(OWN_BINDINGS)
	@mkdir -p $(@D)
	install -s $(OUT)/xenlight-inspect $@

$(SERVE): FORCE | prerequisites
	$(SHARING)$(CARGO) build --profile $(PROFILE) --package xenlight-serve --bin xenlight-serve
	@mkdir -p $(@D)
	install -s $(OUT)/xenlight-serve $@

$(BUILD)/exports.map: $(EXPORTS) Makefile
	@mkdir -p $(@D)
	@{ echo '$(NODE) {'; echo ' global:'; awk -F '\t' -v xen=$(XEN) \
	   'function order(release, part) { split(release, part, "."); return part[1] * 1000 + part[2] } \
	    !/^#/ { here = 1; for (i = split($$5, word, " "); i > 1; i -= 2) \
	        here = here && (word[i - 1] == "since") == (order(xen) >= order(word[i])); \
	        if (here) print "  " $$1 ";" }' $(EXPORTS); \
	   echo ' local: *;'; echo '};'; } > $@

# A cdylib cannot carry the version node, so the linker makes the library from the static one.
$(LIB)/$(REALNAME): $(STATICLIB)
$(FAULTS_LIB): $(FAULTS_STATICLIB)
$(LIB)/$(REALNAME) $(FAULTS_LIB): $(BUILD)/exports.map
	@mkdir -p $(@D)
	$(CC) -shared -o $@ -Wl,--whole-archive $(filter %.a,$^) -Wl,--no-whole-archive \
	    -Wl,--gc-sections -Wl,--version-script=$(BUILD)/exports.map -Wl,-soname,$(SONAME) \
	    -Wl,-z,defs,-z,relro,-z,now,-z,text,-z,pack-relative-relocs -Wl,--no-undefined-version -Wl,--as-needed \
	    $(STRIP) $(LDFLAGS) $(XEN_LDFLAGS) $(XEN_LIBS) -lgcc_s -lm -lpthread -ldl -lc
	@ln -sf $(REALNAME) $(@D)/$(SONAME)
	@ln -sf $(SONAME) $(@D)/libxenlight.so

$(BUILD)/xenlight.pc: capi/xenlight.pc.in FORCE
	@mkdir -p $(@D)
	@sed -e 's|@PREFIX@|$(PREFIX)|; s|@LIBDIR@|$(LIBDIR)|; s|@INCLUDEDIR@|$(INCLUDEDIR)|; s|@VERSION@|$(XEN).0|' $< > $@

.PHONY: install
install: all ## install library, links, headers and xenlight.pc (DESTDIR= PREFIX= LIBDIR=)
	install -d $(DESTDIR)$(LIBDIR)/pkgconfig $(DESTDIR)$(INCLUDEDIR)
	install -m 644 $(LIB)/$(REALNAME) $(DESTDIR)$(LIBDIR)/$(REALNAME)
	ln -sf $(REALNAME) $(DESTDIR)$(LIBDIR)/$(SONAME)
	ln -sf $(SONAME) $(DESTDIR)$(LIBDIR)/libxenlight.so
	install -d $(DESTDIR)$(SBINDIR)
	install $(INSPECT) $(DESTDIR)$(SBINDIR)/
	install -D $(SERVE) $(DESTDIR)$(call place,STUBDOM_SERVER)
	install -D -m 644 docs/xenlight-inspect.8 $(DESTDIR)$(MANDIR)/man8/xenlight-inspect.8
	install -m 644 include/$(XEN)/*.h $(DESTDIR)$(INCLUDEDIR)/
	install -m 644 $(BUILD)/xenlight.pc $(DESTDIR)$(LIBDIR)/pkgconfig/xenlight.pc

BED := compat-tests/testbed
ON_BED := XENLIGHT_LIB=$(CURDIR)/$(LIB) XENLIGHT_STUBDOM=$(CURDIR)/$(BUILD)/stubdom $(BED)

.PHONY: demo
demo: prerequisites all stubdom $(BUILD)/tests/vnc $(BUILD)/tests/store-reader ## the main job on real Xen: xl on this library, a guest with its QEMU in a stub domain
	$(ON_BED)/demo

# Stub domains that only the test bed uses, made of the real one.
.PHONY: bed-images
bed-images: stubdom probe
	$(BED)/minios-standin/build $(BUILD)/stubdom
	$(SHARING)$(BED)/hostile/build $(BUILD)/stubdom
	$(BED)/probe/build $(BUILD)/tests/ioreq-probe $(BUILD)/tests/ioreq-peer $(BUILD)/stubdom

# The device model ioreq-probe, and its peer in C.
.PHONY: probe
probe: $(BUILD)/tests/ioreq-peer | prerequisites
	$(SHARING)$(CARGO) build --profile $(PROFILE) --package xenlight-ioreq --example ioreq-probe $(OWN_BINDINGS)
	install -s $(OUT)/examples/ioreq-probe $(BUILD)/tests/

# Compares what both libraries recorded there.
JUDGE := $(BUILD)/tools/bin/judge
$(JUDGE): FORCE | prerequisites
	$(SHARING)$(CARGO) build --quiet --package xenlight-judge
	@mkdir -p $(@D)
	install $(TARGET)/debug/judge $@

# Reads xenstore there. Static, because that Debian's libc may be older than this one's.
STORE_READER := $(BUILD)/tests/store-reader
$(STORE_READER): FORCE | prerequisites
	$(SHARING)$(CARGO) rustc --quiet --package xenlight-store-reader --bin store-reader -- -C target-feature=+crt-static
	@mkdir -p $(@D)
	install -s $(TARGET)/debug/store-reader $@

BED_TOOLS := $(JUDGE) $(STORE_READER)

.PHONY: bed
bed: $(BED_TOOLS) # its dom0 and guests, and its tools
	$(BED)/setup images

# Format, lints and all that runs without Xen.
define tests_without_xen
	$(MAKE) --no-print-directory check
	$(SHARING)$(CARGO) run --quiet --package xenlight-compat-tests --bin status -- --check README.md
	$(SHARING)$(TEST_FLAGS) $(CARGO) test --workspace --no-fail-fast $(OWN_BINDINGS)
endef

# Where make test is about more than one release, only one of them shows these. make test-long does so on this host's own.
ONCE := pvh-linux screen attach

# What it is made of is built side by side: much of it waits for downloads, disks and single-threaded compilers.
.PHONY: test
test: prerequisites ## everything: checks, ABI and JSON against Debian's library, each guest type on real Xen, of each release; XEN= chooses one
	+$(MAKE) --no-print-directory --jobs=3 --output-sync=target all $(FAULTS_LIB) bed bed-images stage c-programs $(DENY)
	$(tests_without_xen)
	+$(MAKE) --no-print-directory --jobs=2 WITHOUT='$(if $(OTHERS),$(ONCE))' test-on-bed $(addprefix meanwhile-,$(OTHERS))
	+$(foreach other,$(OTHERS),if XEN=$(other) $(BED)/setup reachable; \
	    then $(MAKE) --no-print-directory XEN=$(other) test-as-well; \
	    else echo "NOT TESTED: Xen $(other), for the archive of its Debian cannot be read; and nowhere: $(ONCE)"; fi &&) true

.PHONY: test-on-bed
test-on-bed:
	$(ON_BED)/run --noted --timeout 3300 $(addprefix --without ,$(WITHOUT))

# A bed waits more than it computes. What is built beside it stays behind it.
meanwhile-%:
	+@if XEN=$* $(BED)/setup reachable; then \
	    echo "meanwhile Xen $* is built, see build/$*/meanwhile.log"; mkdir -p build/$*; \
	    nice -n 19 $(MAKE) --no-print-directory XEN=$* as-well >build/$*/meanwhile.log 2>&1 || { tail -n 40 build/$*/meanwhile.log; exit 1; }; \
	fi

# Of a release beside the host's own: what the compiler sees of it, its ABI, and what shows that guests are the same there. All of it:
# make XEN=4.20 test.
AS_WELL := info pvh pv hvm newer build-hvm build-pv cpuid dry-run calls stubdom $(ONCE)
.PHONY: as-well
as-well: prerequisites
	+$(MAKE) --no-print-directory --jobs=2 --output-sync=target all bed stubdom c-programs
	$(SHARING)$(TEST_FLAGS) $(CARGO) test --no-run --package xenlight --package xenlight-capi $(OWN_BINDINGS)
.PHONY: test-as-well
test-as-well: as-well
	$(SHARING)$(TEST_FLAGS) $(CARGO) test --package xenlight --package xenlight-capi $(OWN_BINDINGS)
	$(SHARING)CARGO_TARGET_DIR=$(abspath $(patsubst %/$(XEN),%,$(TARGET))) $(CARGO) test --package xenlight-compat-tests \
	    --test types --test headers --test library_file
	$(ON_BED)/run --noted --timeout 3300 $(AS_WELL)

.PHONY: test-without-xen
test-without-xen: prerequisites all stage stubdom ## the part of make test that needs no Xen
	$(tests_without_xen)

# FRESH_TARGETS= chooses what is made there; XENLIGHT_TESTBED_CACHE= names a cache of the test bed to share, which otherwise
# is made anew.
FRESH_TARGETS ?= demo test
.PHONY: fresh
fresh: ## the committed tree on a bare Debian of that Xen, made for it and removed after it: make demo, make test
	$(BED)/fresh $(FRESH_TARGETS)

# Behaviour and costs of both libraries in one boot, to docs/compare.md: what takes turns itself, and every scenario of which the
# C library's records are kept; they are made anew, for make test to compare with.
.PHONY: compare
compare: prerequisites all bed-images c-programs $(BED_TOOLS) ## both libraries in turns on real Xen: what differs, what it costs, to docs/compare.md
	$(ON_BED)/run --lib both --note --timeout 5000 \
	    costs $(sort stubdom $(notdir $(wildcard $(BED)/records/$(XEN)/*)))
	$(SHARING)$(CARGO) run --quiet --package xenlight-compat-tests --bin compare -- build/testbed/last docs

.PHONY: test-reference
test-reference: prerequisites all bed-images c-programs $(BED_TOOLS) ## the scenarios of make test on Debian's library, which must pass them too
	$(ON_BED)/run --lib c --timeout 5000

# Scenarios as those of make test; and those that want their own surroundings, on both libraries.
LONG := $(basename $(notdir $(wildcard $(BED)/scenarios/long/*.sh))) $(if $(OTHERS),$(ONCE))
WALKS := linux-hvm stubdom-save dump-all hostile-serve pvh-stubdom host-programs libvirt libvirt-guests bindings pygrub
.PHONY: test-long
test-long: prerequisites all $(FAULTS_LIB) bed-images c-programs $(BED_TOOLS) ## what takes long: QEMU's arguments, takeovers, kills, hostile stub domains, driver domains; Linux as HVM guest, save and restore, core dumps, libvirt, pygrub, Go and OCaml
	$(ON_BED)/run --noted --timeout 3300 $(LONG)
	$(BED)/libvirt/build $(CURDIR)/$(BUILD)/libvirt
	$(BED)/bootloader/build $(CURDIR)/$(BUILD)/bootloader
	$(BED)/bindings/build $(CURDIR)/$(BUILD)/bindings
	XENLIGHT_BED_ADD=$(CURDIR)/$(BUILD)/libvirt:$(CURDIR)/$(BUILD)/bootloader:$(CURDIR)/$(BUILD)/bindings $(ON_BED)/run --lib both --timeout 3300 $(WALKS)

# Neither library nor image is the bed's: the packages bring both.
.PHONY: test-packages
test-packages: deb $(BED_TOOLS) ## the Debian packages on real Xen: install, a guest with a stub domain, upgrade, remove while it runs, purge
	$(BED)/packages/build $(BUILD)/deb $(BUILD)/packages
	XENLIGHT_BED_ADD=$(CURDIR)/$(BUILD)/packages XENLIGHT_STUBDOM=/nowhere $(BED)/run --lib c --timeout 1800 walk/packages

# VARS="TRIPS=20000" times more of them.
.PHONY: bench
bench: prerequisites all bed-images c-programs $(BED_TOOLS) ## round trips of a guest's port reads, on real Xen: median and 99th percentile, ours and C
	$(ON_BED)/run --timeout 1800 $(VARS:%=--var '%') ioreq-trips

# VARS="STRIDE=1" walks every point; docs/faults.md lists the variables. LIBS=both has the C library fail as well.
LIBS ?= ours
.PHONY: faults
faults: prerequisites all $(FAULTS_LIB) stubdom c-programs $(BED_TOOLS) ## fail every hypercall, request, process and timer in turn, on real Xen; nothing may be left behind
	$(ON_BED)/run --lib $(LIBS) --timeout 7200 $(VARS:%=--var '%') all-faults

.PHONY: valgrind
valgrind: prerequisites all c-programs $(BED_TOOLS) ## the C test programs under valgrind, on real Xen
	XENLIGHT_LIB=$(CURDIR)/$(LIB) $(BED)/run --timeout 2400 valgrind

# TSAN="engine:: --test-threads=1" is handed to the tests.
.PHONY: tsan
tsan: prerequisites ## the library's unit tests under ThreadSanitizer, with Rust's own library rebuilt for it
	$(SHARING)compat-tests/tsan $(TSAN)

# With cargo-fuzz (cargo install cargo-fuzz) by libFuzzer, which looks for new paths through the code; without it by the
# mutations that `make test` replays, from a new seed. FUZZ_TARGETS= chooses among `fuzz --list`.
FUZZ         := compat-tests/fuzz
FUZZ_SECONDS ?= 60
FUZZ_TARGETS ?= $(notdir $(wildcard $(FUZZ)/corpus/*))
.PHONY: fuzz
fuzz: | prerequisites ## hostile data into every parser, FUZZ_SECONDS (60) for each target
	@mkdir -p $(BUILD)/fuzz
	@$(SHARING)set -e; if $(CARGO) fuzz --version >/dev/null 2>&1; then \
	    for target in $(FUZZ_TARGETS); do \
	        echo "libFuzzer: $$target"; mkdir -p $(BUILD)/fuzz/$$target; \
	        XENLIGHT_FUZZ_TARGET=$$target RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR=$(CURDIR)/$(BUILD)/fuzz/build \
	            $(CARGO) fuzz run --sanitizer none --fuzz-dir $(FUZZ)/libfuzzer target \
	            $(CURDIR)/$(BUILD)/fuzz/$$target $(CURDIR)/$(FUZZ)/corpus/$$target -- \
	            -max_total_time=$(FUZZ_SECONDS) -timeout=60 -rss_limit_mb=256 -verbosity=0 -artifact_prefix=$(CURDIR)/$(BUILD)/fuzz/; \
	    done; \
	else \
	    $(CARGO) build --quiet --release --package xenlight-fuzz; \
	    cd $(BUILD)/fuzz && $(CARGO) run --quiet --release --package xenlight-fuzz -- $(FUZZ_SECONDS) $(FUZZ_TARGETS); \
	fi

# Where the tests look at what an installation is like.
.PHONY: stage
stage: all
	rm -rf $(BUILD)/stage
	$(MAKE) --no-print-directory install DESTDIR=$(CURDIR)/$(BUILD)/stage PREFIX=/usr LIBDIR=/usr/lib INCLUDEDIR=/usr/include

# Linked with Debian's library; the test bed runs them on either.
.PHONY: c-programs
c-programs: $(patsubst compat-tests/c/%.c,$(BUILD)/tests/%,$(wildcard compat-tests/c/*.c))
c-programs: $(patsubst compat-tests/c/preload/%.c,$(BUILD)/tests/%.so,$(wildcard compat-tests/c/preload/*.c)) ## C test programs for the test bed
$(BUILD)/tests/%: compat-tests/c/%.c compat-tests/c/check.h | prerequisites
	@mkdir -p $(@D)
	$(CC) -Wall -Wextra -Werror -O1 -g $(XEN_CFLAGS) -o $@ $< -Wl,--as-needed $(XEN_LDFLAGS) \
	    -lxenlight -lxentoollog -lxenctrl -lxendevicemodel -lxenforeignmemory -lxenevtchn -lxenvchan -lpthread -lvncclient -lpng -lxenstore
$(BUILD)/tests/%.so: compat-tests/c/preload/%.c | prerequisites
	@mkdir -p $(@D)
	$(CC) -Wall -Wextra -Werror -O1 -g -fPIC -shared -o $@ $< -ldl

.PHONY: stubdom
stubdom: | prerequisites ## assemble the stub domain's kernel and ramdisk (build/stubdom)
	$(SHARING)stubdom/build $(BUILD)/stubdom

.PHONY: install-stubdom
install-stubdom: stubdom ## put the stub domain image where libxl looks for it
	install -d $(DESTDIR)$(BOOTDIR)
	install -m 644 $(BUILD)/stubdom/qemu-stubdom-linux-kernel $(BUILD)/stubdom/qemu-stubdom-linux-rootfs $(DESTDIR)$(BOOTDIR)/

# What comes from the network is fetched before; the build itself has none.
.PHONY: deb
deb: | prerequisites ## Debian packages (build/deb), built without a network, their ABI compared with Debian's, and seen by lintian
	$(SHARING)debian/package $(BUILD)/deb

# cargo-deny has no Debian package; it is built once and kept. This one takes Rust 1.88.
DENY := $(or $(shell command -v cargo-deny 2>/dev/null),$(BUILD)/tools/bin/cargo-deny)
$(BUILD)/tools/bin/cargo-deny: | prerequisites
	@echo "installing cargo-deny from crates.io into $(BUILD)/tools"
	$(SHARING)CARGO_PROFILE_DEV_DEBUG=0 $(CARGO) install --quiet --locked --debug --root $(BUILD)/tools cargo-deny@0.20.2

SHELL_SCRIPTS = $(shell git ls-files -z | xargs -0 grep -lE '^\#!/bin/(ba)?sh|^\#!/usr/bin/env bash') $(wildcard $(BED)/lib/*.sh $(BED)/scenarios/*/*.sh $(BED)/scenarios/include/*.inc)

.PHONY: check
check: $(DENY) | prerequisites ## format, lints, generated files, order of layers, licences, shell scripts
	$(SHARING)$(CARGO) fmt --all --check
	@$(SHARING)if $(CARGO) clippy --version >/dev/null 2>&1; then \
	    set -x; $(CARGO) clippy --workspace --all-targets $(OWN_BINDINGS) -- --deny warnings; \
	else echo "clippy is not part of this Rust toolchain (Debian packages none): skipped"; fi
	$(SHARING)$(CARGO) run --quiet --package xenlight-idl --bin idlgen -- --check
	$(SHARING)$(CARGO) run --quiet --package xenlight-compat-tests --bin layers
	$(DENY) --log-level error check licenses bans sources
	$(SHARING)debian/check-copyright
	shellcheck --external-sources $(SHELL_SCRIPTS)

# RUSTUP= names another rustup. Debian 12 has no package of it, Debian 13 has.
RUSTUP      ?= rustup
OLDEST_RUST := $(shell sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
.PHONY: oldest-rust
oldest-rust: | prerequisites ## all of it compiles with the oldest Rust that Cargo.toml claims, which rustup fetches
	$(RUSTUP) toolchain install --profile minimal $(OLDEST_RUST)
	$(SHARING)$(RUSTUP) run $(OLDEST_RUST) cargo check --workspace --all-targets --target-dir $(BUILD)/oldest-rust $(OWN_BINDINGS)

.PHONY: status
status: all ## which functions are real, counted from the code, by area
	@$(SHARING)$(CARGO) run --quiet --package xenlight-compat-tests --bin status

.PHONY: clean
clean: ## remove what make built, keep the test bed's images
	$(SHARING)$(CARGO) clean
	rm -rf $(LIB) $(BUILD)/exports.map $(BUILD)/xenlight.pc

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo '  A Xen in other places than Debian has it: make NAME=PATH, with one or more of'
	@echo '    $(PLACES)'
