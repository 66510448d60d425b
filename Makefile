# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# One file, no recursion; a new source file needs no edit here.

O ?= build
V ?= 0
PREFIX ?= /usr/local
SANITIZE ?=

CC = gcc
CLANG ?= clang
# Debian puts bpftool where only root's PATH leads.
BPFTOOL ?= $(shell PATH="$$PATH:/usr/sbin:/sbin" command -v bpftool || echo bpftool)
PKG_CONFIG ?= pkg-config

MACHINE := $(shell uname -m)
BPF_ARCH := $(if $(filter x86_64,$(MACHINE)),x86,$(if $(filter aarch64,$(MACHINE)),arm64,$(MACHINE)))
MULTIARCH := $(shell $(CC) -print-multiarch)
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo 0.1.0)

LIBS := libbpf libelf zlib libuv yyjson yaml-0.1 smartcols libxxhash libmnl ncursesw libmicrohttpd libcurl
# Asked once, and only when something is compiled: help and clean work without the libraries.
LIB_CFLAGS = $(eval LIB_CFLAGS := $(shell $(PKG_CONFIG) --cflags $(LIBS)))$(LIB_CFLAGS)
LIB_LIBS = $(eval LIB_LIBS := $(shell $(PKG_CONFIG) --libs $(LIBS)))$(LIB_LIBS)

# With sanitizers gcc warns of what cannot happen; the ordinary build decides.
WARN = -Wall -Wextra $(if $(SANITIZE),,-Werror)
SANITIZE_FLAGS = $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-omit-frame-pointer)
CFLAGS ?= -O2 -g
ALL_CFLAGS = -std=gnu11 -D_GNU_SOURCE $(WARN) $(CFLAGS) $(SANITIZE_FLAGS) -Iinclude -Iuser -Ibpf -I$(O) $(LIB_CFLAGS) -MMD -MP
# The kernel's user headers of this machine stand behind all others: clang does not know them for bpf.
BPF_CFLAGS = -g -O2 -target bpf -mcpu=v3 -D__TARGET_ARCH_$(BPF_ARCH) $(WARN) -Ivmlinux -Iinclude -Ibpf \
	     -Itests/bpf -idirafter /usr/include/$(MULTIARCH) -MMD -MP

# Maps first: bpftool links a definition before it can link what refers to it.
BPF_OBJS := $(patsubst bpf/%.c,$(O)/bpf/%.o,bpf/maps.bpf.c $(filter-out bpf/maps.bpf.c,$(wildcard bpf/*.bpf.c)))
SHIM_OBJS := $(patsubst tests/bpf/%.c,$(O)/tests/bpf/%.o,$(wildcard tests/bpf/*.bpf.c))
LIB_OBJS := $(patsubst %.c,$(O)/%.o,$(wildcard user/*/*.c))
UNIT_OBJS := $(patsubst %.c,$(O)/%.o,$(wildcard tests/unit/*.c))
BPF_TEST_OBJS := $(patsubst %.c,$(O)/%.o,$(filter-out %.bpf.c,$(wildcard tests/bpf/*.c)))
KERNEL_BINS := $(patsubst tests/kernels/%.c,$(O)/kernels/%,$(wildcard tests/kernels/*.c))
LIVE_BINS := $(patsubst tests/live/%.c,$(O)/live/%,$(wildcard tests/live/*.c))
BATTERY_OBJS := $(patsubst %.c,$(O)/%.o,$(wildcard tests/live/battery/*.c))
STRESS_OBJS := $(patsubst %.c,$(O)/%.o,$(wildcard tests/live/stress/*.c))

ifeq ($(V),0)
Q := @
say = @printf '  %-8s %s\n' '$(1)' '$(2)'
else
say = @:
endif

.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all tests test asan fuzz check format man install uninstall deb image clean help

all: $(O)/weft ## the weft binary (default)

$(O)/bpf/%.bpf.o: bpf/%.bpf.c
	$(call say,BPF,$<)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -c $< -o $@

$(O)/tests/bpf/%.bpf.o: tests/bpf/%.bpf.c
	$(call say,BPF,$<)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -c $< -o $@

$(O)/weft.bpf.o: $(BPF_OBJS)
	$(call say,LINK,$@)
	$(Q)$(BPFTOOL) gen object $@ $^

$(O)/shim.bpf.o: $(BPF_OBJS) $(SHIM_OBJS)
	$(call say,LINK,$@)
	$(Q)$(BPFTOOL) gen object $@ $^

$(O)/%.skel.h: $(O)/%.bpf.o
	$(call say,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name $* > $@

# Written anew only when it changes, so that a commit does not rebuild the world.
$(O)/version.h: FORCE
	@mkdir -p $(@D)
	@printf '#define WEFT_VERSION "%s"\n' '$(VERSION)' > $@.new
	@if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi
.PHONY: FORCE

# Who includes what is generated; the .d files know it only after the first time.
$(filter $(O)/user/kern/%,$(LIB_OBJS)): | $(O)/weft.skel.h
$(filter $(O)/user/cmd/%,$(LIB_OBJS)): | $(O)/version.h
$(BPF_TEST_OBJS): | $(O)/shim.skel.h

$(O)/user/%.o: user/%.c
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -c $< -o $@

$(O)/tests/%.o: tests/%.c
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -Itests/unit -Itests/bpf -DTEST_DATA='"tests/unit/data"' -c $< -o $@

$(O)/libweft.a: $(LIB_OBJS)
	$(call say,AR,$@)
	$(Q)rm -f $@ && ar rcs $@ $^

$(O)/weft: $(O)/user/main.o $(O)/libweft.a
	$(call say,LD,$@)
	$(Q)$(CC) $(SANITIZE_FLAGS) $(LDFLAGS) -Wl,-rpath,'$$ORIGIN/../lib/weft' -o $@ $^ $(LIB_LIBS)

$(O)/unit: $(UNIT_OBJS) $(O)/libweft.a
	$(call say,LD,$@)
	$(Q)$(CC) $(SANITIZE_FLAGS) $(LDFLAGS) -o $@ $^ $(LIB_LIBS) -lcriterion -lpthread -lm

$(O)/bpf_tests: $(BPF_TEST_OBJS) $(O)/libweft.a
	$(call say,LD,$@)
	$(Q)$(CC) $(SANITIZE_FLAGS) $(LDFLAGS) -o $@ $^ $(LIB_LIBS) -lcriterion -lpthread -lm

$(O)/live/battery: $(BATTERY_OBJS)
$(O)/live/stress: $(STRESS_OBJS)

$(O)/live/%: $(O)/tests/live/%.o $(O)/libweft.a
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(SANITIZE_FLAGS) $(LDFLAGS) -o $@ $^ $(LIB_LIBS) -lpthread

$(O)/kernels/%: $(O)/tests/kernels/%.o
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(SANITIZE_FLAGS) $(LDFLAGS) -o $@ $^ $(LIB_LIBS)

.PHONY: kernel-tests test-kernels
kernel-tests: $(KERNEL_BINS)

test-kernels: ## the tests in virtual machines with other kernels (as root)
	scripts/test-kernels.sh

# Both ends of conversations that real libraries have; the live tests skip what it is for where there is no Go.
GO := $(shell command -v go)
$(O)/apps/probe: $(wildcard tests/apps/*/*.go) tests/apps/go.mod
	$(call say,GO,tests/apps/probe)
	@mkdir -p $(@D)
	$(Q)cd tests/apps && HOME=$${HOME:-/root} $(GO) build -buildvcs=false -o $(abspath $@) ./probe

tests: $(O)/unit $(O)/bpf_tests $(LIVE_BINS) $(if $(GO),$(O)/apps/probe) ## all test binaries

test: ## every test tier (as root)
	scripts/test.sh

asan: ## the unit tests with address and undefined-behaviour sanitizers, in build/asan
	$(MAKE) O=$(O)/asan SANITIZE=address,undefined CFLAGS='-O1 -g' $(O)/asan/unit

# libFuzzer is clang's. The modules once more, with its eyes in them; the targets beside them.
FUZZ_BINS := $(patsubst tests/fuzz/%.c,$(O)/fuzz/%,$(wildcard tests/fuzz/*.c))

fuzz: ## the fuzzers, in build/fuzz; tests/fuzz/run.sh runs them
	$(MAKE) O=$(O)/fuzz CC=$(CLANG) SANITIZE=fuzzer-no-link,address,undefined CFLAGS='-O1 -g -fno-sanitize-recover=undefined' \
		$(FUZZ_BINS)

$(patsubst tests/fuzz/%.c,$(O)/%,$(wildcard tests/fuzz/*.c)): $(O)/%: $(O)/tests/fuzz/%.o $(O)/libweft.a
	$(call say,LD,$@)
	$(Q)$(CC) -fsanitize=fuzzer,address,undefined -o $@ $^ $(LIB_LIBS)

check: ## formatting, layering, limits, shell and static analysis
	scripts/check.sh

format: ## format all C files
	scripts/check.sh --format

SHARE = $(DESTDIR)$(PREFIX)/share
SYSTEMD ?= $(PREFIX)/lib/systemd/system
# The binary knows its own commands; it is asked once, as it was built for this machine.
BASH_COMPLETION = $(SHARE)/bash-completion/completions/weft
ZSH_COMPLETION = $(SHARE)/zsh/vendor-completions/_weft
DEFAULTS = $(DESTDIR)/etc/default/weft
MAN_PAGES := $(patsubst scripts/install/%.scd,%,$(wildcard scripts/install/*.scd))

$(O)/man/%: scripts/install/%.scd
	$(call say,MAN,$@)
	@mkdir -p $(@D)
	$(Q)scdoc < $< > $@

man: $(MAN_PAGES:%=$(O)/man/%) ## the man pages, in build/man

install: $(O)/weft man ## DESTDIR= PREFIX=/usr/local: binary, man pages, completion, service
	install -D -m 0755 $(O)/weft $(DESTDIR)$(PREFIX)/sbin/weft
	for page in $(MAN_PAGES); do install -D -m 0644 $(O)/man/$$page $(SHARE)/man/man$${page##*.}/$$page; done
	install -d $(dir $(BASH_COMPLETION)) $(dir $(ZSH_COMPLETION)) $(DESTDIR)$(SYSTEMD)
	$(O)/weft completion bash > $(BASH_COMPLETION)
	$(O)/weft completion zsh > $(ZSH_COMPLETION)
	sed 's|@SBIN@|$(PREFIX)/sbin|' scripts/install/weft.service > $(DESTDIR)$(SYSTEMD)/weft.service
	chmod 0644 $(BASH_COMPLETION) $(ZSH_COMPLETION) $(DESTDIR)$(SYSTEMD)/weft.service
	test -e $(DEFAULTS) || install -D -m 0644 scripts/install/weft.default $(DEFAULTS)

uninstall: ## what install put there, but for what may have been changed: /etc
	rm -f $(DESTDIR)$(PREFIX)/sbin/weft $(DESTDIR)$(SYSTEMD)/weft.service $(BASH_COMPLETION) $(ZSH_COMPLETION)
	for page in $(MAN_PAGES); do rm -f $(SHARE)/man/man$${page##*.}/$$page; done

deb: $(O)/weft man ## a Debian package, in build
	scripts/install/deb.sh '$(VERSION)' $(O)

image: $(O)/weft ## a container image, build/weft-image.tar; scripts/image.sh --help tells more
	scripts/image.sh --build $(O)

clean: ## remove what was built
	rm -rf $(O)

help: ## this list; O=DIR builds elsewhere, V=1 shows commands
	@sed -n 's/^\([a-z-]*\):[^#]*## /\1\t/p' $(MAKEFILE_LIST) | awk -F'\t' '{ printf "  %-13s %s\n", $$1, $$2 }'

-include $(shell find $(O) -name '*.d' 2>/dev/null)
