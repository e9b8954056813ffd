# SPDX-License-Identifier: Apache-2.0
# skyshim: two programs from one tree. `make help` lists the targets.
#   build/skyshim      hosted: the command line and the daemon
#   build/skyshim-rt   freestanding: the runtime inside programs

BUILD   ?= build
PREFIX  ?= /usr/local
DESTDIR ?=
SAN     ?=
CC      ?= gcc
VERSION := 0.1.0

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wwrite-strings \
	-Wformat=2 -Wimplicit-fallthrough -Wundef -Werror

# --- hosted: everything but the runtime ------------------------------------------------------------
PKGS        := libcurl openssl jansson libxml-2.0
PKG_CFLAGS  := $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
PKG_LIBS    := $(shell pkg-config --libs $(PKGS) 2>/dev/null) -linih
HOST_CFLAGS := -std=gnu11 -O2 -g -I. -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DSKYSHIM_VERSION='"$(VERSION)"' \
	-fstack-protector-strong -fPIE -pthread $(WARN) $(PKG_CFLAGS)
HOST_LDFLAGS := -pie -pthread -Wl,-z,relro,-z,now
ifneq ($(SAN),)
HOST_CFLAGS  += -fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all
HOST_LDFLAGS += -fsanitize=$(SAN)
endif

HOST_SRC := $(wildcard core/base/*.c core/*.c core/http/*.c s3/*.c azure/*.c gcs/*.c cache/*.c fs/*.c \
	intercept/rewrite/*.c)
CLI_SRC  := $(wildcard core/cli/*.c)
HOST_OBJ := $(HOST_SRC:%.c=$(BUILD)/host/%.o)
CLI_OBJ  := $(CLI_SRC:%.c=$(BUILD)/host/%.o)
HOST_LIB := $(BUILD)/libskyshim.a

# --- runtime: freestanding, links with nothing -----------------------------------------------------
RT_SRC := $(wildcard intercept/*.c) $(wildcard core/base/*.c)
RT_ASM := $(wildcard intercept/*.S)
RT_OBJ := $(RT_SRC:%.c=$(BUILD)/rt/%.o) $(RT_ASM:%.S=$(BUILD)/rt/%.o)
RT_CFLAGS := -std=gnu11 -O2 -g -I. -ffreestanding -fPIE -fvisibility=hidden -fno-stack-protector \
	-fcf-protection=none -mgeneral-regs-only -fno-builtin-malloc -fno-asynchronous-unwind-tables \
	-fno-plt -DSKYSHIM_RUNTIME $(WARN)
RT_LDFLAGS := -nostdlib -static-pie -Wl,--no-undefined,--gc-sections,-z,noexecstack,-z,relro,-z,now,--hash-style=gnu,--build-id

# --- the embedded test store -----------------------------------------------------------------------
# Links nothing of ours but itself: a client and a server that share code prove nothing.
STORE_SRC := $(wildcard tests/store/*.c)
STORE_OBJ := $(STORE_SRC:%.c=$(BUILD)/host/%.o)
STORE_MAIN := $(BUILD)/host/tests/store/main.o
STORE_LIB := $(BUILD)/libteststore.a
STORE_LIBS = $(shell pkg-config --libs libmicrohttpd openssl libxml-2.0 2>/dev/null)

PROGRAMS := $(BUILD)/skyshim $(BUILD)/skyshim-rt

.PHONY: all
all: $(PROGRAMS) ## build both programs

$(BUILD)/skyshim: $(CLI_OBJ) $(HOST_LIB)
	$(CC) $(HOST_LDFLAGS) -o $@ $(CLI_OBJ) $(HOST_LIB) $(PKG_LIBS)

$(HOST_LIB): $(HOST_OBJ)
	rm -f $@
	ar rcs $@ $(HOST_OBJ)

$(BUILD)/skyshim-rt: $(RT_OBJ)
	$(CC) $(RT_LDFLAGS) -o $@ $(RT_OBJ)

.PHONY: teststore
teststore: $(BUILD)/skyshim-teststore ## build the embedded test store
$(BUILD)/skyshim-teststore: $(STORE_MAIN) $(STORE_LIB)
	$(CC) $(HOST_LDFLAGS) -o $@ $(STORE_MAIN) $(STORE_LIB) $(STORE_LIBS)

$(STORE_LIB): $(filter-out $(STORE_MAIN),$(STORE_OBJ))
	rm -f $@
	ar rcs $@ $^

# unit tests of the store: tests/unit/store_*.c
$(BUILD)/unit/store_%: $(BUILD)/host/tests/unit/store_%.o $(STORE_LIB)
	@mkdir -p $(@D)
	$(CC) $(HOST_LDFLAGS) -o $@ $< $(STORE_LIB) $(STORE_LIBS) -lcriterion

$(BUILD)/host/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(HOST_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/rt/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(RT_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/rt/%.o: %.S
	@mkdir -p $(@D)
	$(CC) $(RT_CFLAGS) -MMD -MP -c -o $@ $<

# --- unit tests: one Criterion program a file of tests/unit ------------------------------------------
UNIT_SRC := $(wildcard tests/unit/*.c)
UNIT_BIN := $(UNIT_SRC:tests/unit/%.c=$(BUILD)/unit/%)

$(BUILD)/unit/%: $(BUILD)/host/tests/unit/%.o $(HOST_LIB)
	@mkdir -p $(@D)
	$(CC) $(HOST_LDFLAGS) -o $@ $< $(HOST_LIB) $(PKG_LIBS) -lcriterion

.PHONY: unit
unit: $(UNIT_BIN) ## run the unit tests (SAN=address,undefined or SAN=thread to sanitize)
	@set -e; for t in $(UNIT_BIN); do echo "== $$t"; $$t; done

.PHONY: clean
clean: ## remove the build folder
	rm -rf $(BUILD)

.PHONY: help
help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
