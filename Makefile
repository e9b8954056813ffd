# SPDX-License-Identifier: Apache-2.0
# skyshim: its programs from one tree. `make help` lists the targets.
#   build/skyshim-daemon  hosted: the daemon, and all commands but run
#   build/skyshim         hosted, with nothing but the C library: what starts programs
#   build/skyshim-rt      freestanding: the runtime inside programs

BUILD   ?= build
PREFIX  ?= /usr/local
DESTDIR ?=
SAN     ?=
ifeq ($(origin CC),default)
CC := gcc
endif
VERSION := 0.1.0

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wwrite-strings \
	-Wformat=2 -Wimplicit-fallthrough -Wundef -Werror

# --- hosted: everything but the runtime ------------------------------------------------------------
PKGS        := libcurl openssl jansson libxml-2.0 inih
PKG_CFLAGS  := $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
# Zydis 4.0 of Debian has no .pc file
PKG_LIBS    := $(shell pkg-config --libs $(PKGS) 2>/dev/null) -lZydis -lZycore
INI_LIBS    := $(shell pkg-config --libs inih 2>/dev/null)
# What starts programs is linked statically where that can be: its own start takes half the time.
STATIC_PARTS := $(filter /%,$(foreach part,libc.a libinih.a rcrt1.o,$(shell $(CC) -print-file-name=$(part))))
HOST_CFLAGS := -std=gnu11 -O2 -g -I. -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DSKYSHIM_VERSION='"$(VERSION)"' \
	-fstack-protector-strong -fPIE -pthread $(WARN) $(PKG_CFLAGS)
HOST_LDFLAGS := -pie -pthread -Wl,-z,relro,-z,now
ifneq ($(SAN),)
HOST_CFLAGS  += -fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all
HOST_LDFLAGS += -fsanitize=$(SAN)
endif
# ThreadSanitizer does not see fences, and gcc says so. The one there is, attrs_find()'s, is for programs: the daemon only writes.
ifneq ($(findstring thread,$(SAN)),)
HOST_CFLAGS  += -Wno-tsan
endif
ifneq ($(COV),)
HOST_CFLAGS  += --coverage -O0
HOST_LDFLAGS += --coverage
endif

START_LDFLAGS := $(if $(SAN)$(COV),$(HOST_LDFLAGS),$(if $(word 3,$(STATIC_PARTS)),$(HOST_LDFLAGS:-pie=-static-pie),$(HOST_LDFLAGS)))

# elf.c: the pure part of the runtime, built hosted for its test
HOST_SRC := intercept/elf.c $(wildcard core/base/*.c core/*.c core/http/*.c s3/*.c s3/creds/*.c azure/*.c azure/creds/*.c gcs/*.c gcs/creds/*.c cache/*.c fs/*.c \
	intercept/rewrite/*.c)
CLI_SRC  := $(wildcard core/cli/*.c)
MAINS    := $(BUILD)/host/core/cli/main.o $(BUILD)/host/core/cli/commands.o
HOST_OBJ := $(HOST_SRC:%.c=$(BUILD)/host/%.o)
CLI_OBJ  := $(filter-out $(MAINS),$(CLI_SRC:%.c=$(BUILD)/host/%.o))
HOST_LIB := $(BUILD)/libskyshim.a

# --- runtime: freestanding, links with nothing -----------------------------------------------------
RT_SRC := $(wildcard intercept/*.c) $(wildcard core/base/*.c)
RT_ASM := $(wildcard intercept/*.S)
RT_OBJ := $(RT_SRC:%.c=$(BUILD)/rt/%.o) $(RT_ASM:%.S=$(BUILD)/rt/%.o)
RT_CFLAGS := -std=gnu11 -O2 -g -I. -ffreestanding -fPIE -fvisibility=hidden -fno-stack-protector \
	-fcf-protection=none -mgeneral-regs-only -fno-builtin-malloc -fno-asynchronous-unwind-tables \
	-include intercept/hidden.h -DSKYSHIM_RUNTIME $(WARN)
RT_LDFLAGS := -nostdlib -static-pie -Wl,--no-undefined,--gc-sections,-z,noexecstack,--hash-style=gnu,--build-id,-T,intercept/runtime.ld

# --- the embedded test store -----------------------------------------------------------------------
# Links nothing of ours but itself: a client and a server that share code prove nothing.
STORE_SRC := $(wildcard tests/store/*.c)
STORE_OBJ := $(STORE_SRC:%.c=$(BUILD)/host/%.o)
STORE_MAIN := $(BUILD)/host/tests/store/main.o
STORE_LIB := $(BUILD)/libteststore.a
STORE_LIBS = $(shell pkg-config --libs libmicrohttpd openssl libxml-2.0 jansson 2>/dev/null)

PROGRAMS := $(BUILD)/skyshim $(BUILD)/skyshim-daemon $(BUILD)/skyshim-rt

# --- what is missing is said once, before the compiler says it a hundred times ------------------------
# $(call need,PACKAGES): stops unless pkg-config knows them all.
need = $(if $(shell pkg-config --exists $(1) 2>/dev/null && echo yes),,$(error \
	development files are missing (one of: $(1)); run scripts/setup, which installs them))
WITHOUT_BUILD := clean help format layers limits uninstall bench bench-page bench-fill
ifneq ($(filter-out $(WITHOUT_BUILD),$(or $(MAKECMDGOALS),all)),)
$(call need,$(PKGS))
endif

# --- a stamp holds the flags; it changes, and so do the objects, when they do --------------------------
# Written only then, so that a built tree can be used by somebody who may not write to it.
FLAGS_HOST := $(CC) $(HOST_CFLAGS) $(HOST_LDFLAGS) $(START_LDFLAGS)
FLAGS_RT   := $(CC) $(RT_CFLAGS) $(RT_LDFLAGS)
# $(call same,A,B): not empty when both are the same text. $(call stamp,NAME,FLAGS)
same  = $(and $(findstring x$(1)x,x$(2)x),$(findstring x$(2)x,x$(1)x))
stamp = $(if $(call same,$(strip $(2)),$(strip $(file <$(BUILD)/$(1).flags))),,$(shell \
	mkdir -p $(BUILD))$(file >$(BUILD)/$(1).flags,$(2)))
ifneq ($(filter-out clean help,$(or $(MAKECMDGOALS),all)),)
$(call stamp,host,$(FLAGS_HOST))
$(call stamp,rt,$(FLAGS_RT))
endif

.PHONY: all
all: $(PROGRAMS) ## build the programs

$(BUILD)/skyshim-daemon: $(BUILD)/host/core/cli/commands.o $(HOST_LIB)
	$(CC) $(HOST_LDFLAGS) -o $@ $< $(HOST_LIB) $(PKG_LIBS)

# Whatever it takes out of the library must do without the daemon's libraries: else this does not link.
$(BUILD)/skyshim: $(BUILD)/host/core/cli/main.o $(HOST_LIB)
	$(CC) $(START_LDFLAGS) -o $@ $< $(HOST_LIB) $(INI_LIBS)

$(HOST_LIB): $(HOST_OBJ) $(CLI_OBJ)
	rm -f $@
	ar rcs $@ $(HOST_OBJ) $(CLI_OBJ)

$(BUILD)/skyshim-rt: $(RT_OBJ) intercept/runtime.ld
	$(CC) $(RT_LDFLAGS) -o $@ $(RT_OBJ)

.PHONY: teststore
teststore: $(BUILD)/skyshim-teststore ## build the embedded test store
$(BUILD)/skyshim-teststore: $(STORE_MAIN) $(STORE_LIB)
	$(call need,libmicrohttpd)$(CC) $(HOST_LDFLAGS) -o $@ $(STORE_MAIN) $(STORE_LIB) $(STORE_LIBS)

$(STORE_LIB): $(filter-out $(STORE_MAIN),$(STORE_OBJ))
	rm -f $@
	ar rcs $@ $^

# unit tests of the store: tests/unit/store_*.c
$(BUILD)/unit/store_%: $(BUILD)/host/tests/unit/store_%.o $(STORE_LIB)
	@mkdir -p $(@D)
	$(CC) $(HOST_LDFLAGS) -o $@ $< $(STORE_LIB) $(STORE_LIBS) -lcriterion

$(BUILD)/host/%.o: %.c $(BUILD)/host.flags
	@mkdir -p $(@D)
	$(CC) $(HOST_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/rt/%.o: %.c $(BUILD)/rt.flags
	@mkdir -p $(@D)
	$(CC) $(RT_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/rt/%.o: %.S $(BUILD)/rt.flags
	@mkdir -p $(@D)
	$(CC) $(RT_CFLAGS) -MMD -MP -c -o $@ $<

# --- unit tests: one Criterion program a file of tests/unit ------------------------------------------
UNIT_SRC := $(wildcard tests/unit/*.c)
UNIT_BIN := $(UNIT_SRC:tests/unit/%.c=$(BUILD)/unit/%)
.SECONDARY: $(UNIT_SRC:%.c=$(BUILD)/host/%.o)

$(BUILD)/unit/%: $(BUILD)/host/tests/unit/%.o $(HOST_LIB)
	@mkdir -p $(@D)
	$(CC) $(HOST_LDFLAGS) -o $@ $< $(HOST_LIB) $(PKG_LIBS) -lcriterion

# a store that answers for real
$(BUILD)/unit/live_verbs: | $(BUILD)/skyshim-teststore

.PHONY: unit
unit: $(UNIT_BIN) ## run the unit tests (SAN=address,undefined to sanitize)
	@scripts/run-units $(UNIT_BIN)

# the verbs on a live Azure Blob Storage; scripts/test starts one
$(BUILD)/azure-live: $(BUILD)/host/tests/azure/live.o $(HOST_LIB)
	$(CC) $(HOST_LDFLAGS) -o $@ $< $(HOST_LIB) $(PKG_LIBS) -lcriterion

# --- the rewriter ------------------------------------------------------------------------------------
$(BUILD)/skyshim-census: $(BUILD)/host/tests/census/census.o $(HOST_LIB)
	$(CC) $(HOST_LDFLAGS) -o $@ $< $(HOST_LIB) $(PKG_LIBS)

.PHONY: census
census: $(BUILD)/skyshim-census ## system call sites of this system's binaries, by how they are replaced
	@tests/census/run $(BUILD)/skyshim-census $(FILES)

$(BUILD)/fuzz-rewrite: $(BUILD)/host/tests/fuzz/rewrite.o $(HOST_LIB)
	$(CC) $(HOST_LDFLAGS) -o $@ $< $(HOST_LIB) $(PKG_LIBS)

$(BUILD)/fuzz-startup: $(BUILD)/host/tests/fuzz/startup.o $(HOST_LIB)
	$(CC) $(HOST_LDFLAGS) -o $@ $< $(HOST_LIB) $(PKG_LIBS)

SECONDS ?= 60
SEED    ?= 1
.PHONY: fuzz fuzz-rewrite fuzz-startup
fuzz: ## damaged files for the rewriter and for a daemon's start, sanitized (SECONDS=60 SEED=1, each)
	@$(MAKE) --no-print-directory BUILD=$(BUILD)-fuzz SAN=address,undefined fuzz-rewrite fuzz-startup
fuzz-rewrite: $(BUILD)/fuzz-rewrite
	@tests/fuzz/run $< $(SECONDS) $(SEED)
fuzz-startup: $(BUILD)/fuzz-startup
	@dir=$$(mktemp -d) && trap 'rm -rf "$$dir"' EXIT && $< $(SECONDS) $(SEED) "$$dir"

# --- whole programs on a store -------------------------------------------------------------------------
.PHONY: apps
apps: all teststore ## run unmodified programs on the embedded store and compare with a local copy
	@tests/apps/run --build $(BUILD) $(APPS)

RACES ?= readahead/ ahead/ limits/ stream/
.PHONY: race
race: ## programs on a daemon under ThreadSanitizer: 10 minutes (RACES="readahead/ ahead/ limits/ stream/")
	@$(MAKE) --no-print-directory BUILD=$(BUILD)-tsan SAN=thread all teststore
	@scripts/race $(BUILD)-tsan $(RACES)

OPS ?= 100000
.PHONY: fsx
fsx: all teststore ## random operations on files in a bucket beside a model of them (OPS=100000 FIRST=100)
	@tests/apps/fsx/run --build $(BUILD) --ops $(OPS) --seed $(or $(FIRST),100)

.PHONY: keys
keys: $(BUILD)/unit/fs_metasize ## ten million listed names through a metadata cache of fixed size: 15 s (KEYS=10000000)
	@SKYSHIM_KEYS=$(or $(KEYS),10000000) $(BUILD)/unit/fs_metasize --filter '*/any_number*'

.PHONY: probe
probe: all teststore ## every operation that changes files, by path and descriptor, verified by boto3 (CHECKS=PATTERN STORE=azure-embedded)
	@tests/operations/run --build $(BUILD) --store $(or $(STORE),embedded) $(CHECKS)

KILLS ?= 100
.PHONY: token-storm
token-storm: all teststore ## 1,000 processes at once ask for one token: AWS, Google, Microsoft Entra ID (MANY=1000)
	@tests/apps/run --build $(BUILD) creds/many-processes
	@SKYSHIM_MANY_PROCESSES=$(or $(MANY),1000) tests/apps/run --build $(BUILD) creds/many-processes-google
	@SKYSHIM_MANY_PROCESSES=$(or $(MANY),1000) tests/azure/tokens $(BUILD)

.PHONY: crash
crash: all teststore ## kill programs that write, their daemon, or both, and look at the bucket (KILLS=100)
	@tests/crash/run --build $(BUILD) --kills $(KILLS)

.PHONY: crash-full
crash-full: all teststore ## kill daemons whose cache's disk is full, in memory and ext4, as root (KILLS=100 SEED=1)
	@SKYSHIM_TEST_KILLS=$(KILLS) SKYSHIM_TEST_SEED=$(SEED) tests/apps/run --build $(BUILD) --jobs 1 full-disk/kills

.PHONY: lockstep
lockstep: all teststore ## the same random steps with names in a bucket and in a local folder, for 5 minutes (SECONDS=1200 FIRST=1)
	@tests/lockstep/run --build $(BUILD) --seconds $(or $(SECONDS),300) $(if $(FIRST),--seed $(FIRST))
.PHONY: races
races: all teststore ## programs that rename, link, copy and write the same names at once (ROUNDS=20 FIRST=1)
	@tests/races/run --build $(BUILD) --rounds $(or $(ROUNDS),20) --seed $(or $(FIRST),1)

.PHONY: growth
growth: all ## 100,000 threads and 100,000 programs: does anything grow?
	@tests/conformance/growth --build $(BUILD)

.PHONY: conformance
conformance: all teststore ## one table: what programs are promised, on every store (12 minutes; STORES=embedded,swift,...)
	@tests/conformance/stores --build $(BUILD) --log $(BUILD)/conformance.log $(if $(STORES),--only $(STORES))

.PHONY: transparency
transparency: all ## other people's test suites natively and under skyshim, test by test (an hour; QUICK=1: the quick part)
	@scripts/transparency --build $(BUILD) --json $(BUILD)/transparency.json $(if $(QUICK),--quick)

.PHONY: test
test: ## everything that runs without another server: lint, unit tests, programs on the embedded store
	@scripts/test --embedded

# --- habits ----------------------------------------------------------------------------------------------
LINT_HOST := $(filter-out intercept/elf.c,$(HOST_SRC)) $(CLI_SRC) $(STORE_SRC)
LINT_RT   := $(wildcard intercept/*.c)
C_FILES    = $(shell git ls-files --cached --others --exclude-standard -- '*.c' '*.h')
TIDY_OK   := $(LINT_HOST:%=$(BUILD)/tidy/%.ok) $(LINT_RT:%=$(BUILD)/tidy/%.ok)
ANALYZE_OK := $(LINT_HOST:%=$(BUILD)/analyze/%.ok)
CLANG_FLAGS := -Wno-unknown-warning-option -Wno-unused-command-line-argument

.PHONY: lint
lint: layers limits format-check tidy cppcheck runtime-proof ## every check of the sources and of the runtime

.PHONY: layers
layers: ## who may include whom
	@scripts/layers --self-test
	@scripts/layers

.PHONY: limits
limits: ## function and file lengths, licence lines, nothing of one machine
	@scripts/limits

.PHONY: format-check
format-check:
	@clang-format --dry-run -Werror $(C_FILES)

.PHONY: format
format: ## clang-format all sources in place
	clang-format -i $(C_FILES)

.PHONY: tidy
tidy: $(TIDY_OK) ## clang-tidy
$(LINT_RT:%=$(BUILD)/tidy/%.ok): $(BUILD)/tidy/%.ok: % .clang-tidy intercept/.clang-tidy $(BUILD)/rt.flags
	@mkdir -p $(@D)
	@clang-tidy --quiet $< -- $(RT_CFLAGS) $(CLANG_FLAGS) >$@.log 2>&1 || { cat $@.log; exit 1; }
	@touch $@
$(LINT_HOST:%=$(BUILD)/tidy/%.ok): $(BUILD)/tidy/%.ok: % .clang-tidy $(BUILD)/host.flags
	@mkdir -p $(@D)
	@clang-tidy --quiet $< -- $(HOST_CFLAGS) $(CLANG_FLAGS) >$@.log 2>&1 || { cat $@.log; exit 1; }
	@touch $@

.PHONY: cppcheck
cppcheck: ## cppcheck
	@mkdir -p $(BUILD)/cppcheck
	@cppcheck --quiet --std=c11 --language=c -I. -D__x86_64__ -D__linux__ -D_GNU_SOURCE -DSKYSHIM_VERSION='""' \
		--enable=warning,performance,portability --inline-suppr --suppressions-list=.cppcheck \
		--cppcheck-build-dir=$(BUILD)/cppcheck --error-exitcode=1 $(LINT_HOST) $(LINT_RT)

.PHONY: runtime-proof
runtime-proof: $(BUILD)/skyshim-rt ## the runtime links with nothing and touches no vector state
	@scripts/prove-runtime $<

.PHONY: analyze
analyze: $(ANALYZE_OK) ## gcc -fanalyzer over the hosted sources
$(BUILD)/analyze/%.ok: % $(BUILD)/host.flags
	@mkdir -p $(@D)
	$(CC) $(HOST_CFLAGS) -fanalyzer -c -o $(@:.ok=.o) $<
	@touch $@

# What is missing is installed first, also for the build, so nothing is built before.
BENCH_JSON ?= $(BUILD)/bench.json
.PHONY: bench
bench: ## beside local files, curl, s3fs and rclone: an hour (QUICK=1: ten minutes; BENCH=row,row RUNS=n WAYS=way,way)
	@scripts/setup build demo bench || echo "going on with what is there"
	@$(MAKE) --no-print-directory all teststore
	@tests/bench/run --build $(BUILD) --json $(BENCH_JSON) $(if $(RUNS),--runs $(RUNS)) $(if $(QUICK),--quick) \
		$(if $(WAYS),--ways $(WAYS)) $(BENCH)

.PHONY: bench-page
bench-page: ## docs/performance.md and its plots from docs/performance.json and build/bench.json (BENCH_JSON="FILE FILE")
	@tests/bench/report $(BENCH_JSON)

BENCH_MINUTES ?= 12
.PHONY: bench-fill
bench-fill: ## the rows that docs/performance.md lacks or has without s3fs and rclone, in BENCH_MINUTES, and the page with them
	@scripts/setup build demo bench || echo "going on with what is there"
	@$(MAKE) --no-print-directory all teststore
	@tests/bench/run --build $(BUILD) --json $(BUILD)/bench-fill.json --fill docs/performance.json --minutes $(BENCH_MINUTES) \
		--runs 3 --peer-runs 1 --peer-seconds 30 $(BENCH); status=$$?; \
	[ $$status -gt 1 ] || tests/bench/report $(BUILD)/bench-fill.json; exit $$status

.PHONY: profile
profile: all teststore ## where the processors' time goes in the rows of large files: as tables (BENCH="row row" RUNS=n; perf, root)
	@tests/bench/profile --build $(BUILD) $(if $(RUNS),--runs $(RUNS)) $(BENCH)

.PHONY: bench-dialects
bench-dialects: all teststore ## 1 GiB read and written on the embedded store as S3, Azure and Google: ratios, at most 1.3
	@tests/bench/dialects --build $(BUILD) --json $(BUILD)/bench-dialects.json

.PHONY: bench-intercept
bench-intercept: all teststore ## what interception costs, natively beside: a table and build/bench-intercept.json
	@tests/bench/intercept --build $(BUILD) --json $(BUILD)/bench-intercept.json $(BENCH)

.PHONY: size
size: all ## bytes of text and data, by program and by file
	@size $(PROGRAMS)
	@size -t $(RT_OBJ) | sort -n
	@size -t $(HOST_LIB) | sort -n

.PHONY: cov
cov: ## line coverage of the unit tests, by file
	@$(MAKE) --no-print-directory BUILD=$(BUILD)-cov COV=1 unit
	@scripts/coverage $(BUILD)-cov

# --- install -----------------------------------------------------------------------------------------------
BINDIR     := $(DESTDIR)$(PREFIX)/bin
LIBEXECDIR := $(DESTDIR)$(PREFIX)/libexec/skyshim
MANDIR     := $(DESTDIR)$(PREFIX)/share/man/man1

.PHONY: install
install: all ## install below PREFIX (/usr/local); DESTDIR for packagers
	install -d $(BINDIR) $(LIBEXECDIR) $(MANDIR)
	install -m 755 $(BUILD)/skyshim $(BINDIR)/skyshim
	install -m 755 $(BUILD)/skyshim-daemon $(LIBEXECDIR)/skyshim-daemon
	install -m 755 $(BUILD)/skyshim-rt $(LIBEXECDIR)/skyshim-rt
	install -m 644 docs/skyshim.1 $(MANDIR)/skyshim.1

.PHONY: uninstall
uninstall: ## remove what install put there
	rm -f $(BINDIR)/skyshim $(LIBEXECDIR)/skyshim-daemon $(LIBEXECDIR)/skyshim-rt $(MANDIR)/skyshim.1
	-rmdir $(LIBEXECDIR) 2>/dev/null

.PHONY: clean
clean: ## remove the build folders
	rm -rf $(BUILD) $(BUILD)-san $(BUILD)-cov $(BUILD)-fuzz $(BUILD)-tsan

.PHONY: help
help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(firstword $(MAKEFILE_LIST)) | sed 's/:.*## /\t/' | expand -t 16

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
