# Builds, tests and runs the lottery's central server. `make help` lists the targets.
#
# VARIANT names a way to build (plain, asan, ...) and keeps its objects and
# programs apart: build/VARIANT/. The plain variant's programs stand in bin/.
# A change of compiler or flags rebuilds what it touches.
#
#   make VARIANT=clang CC=clang       build with clang, beside what gcc built
#   make test ONLY=test_bet           run one test program (a shell pattern)
#   make WERROR=1                     warnings are errors (CI=true does the same)
#   make V=1                          show every command, and what the tests print

VARIANT ?= plain
CC      ?= cc
PREFIX  ?= /usr/local
DESTDIR ?=
WERROR  ?= $(filter true 1,$(CI))
ONLY    ?= *
TLS     ?=
JOBS    ?= $(shell nproc)

# For a make that was called without -j and calls itself.
PARALLEL = $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(JOBS))

# Recipes say what they do in a word; V=1 shows the commands.
V  ?= 0
Q  := $(if $(filter 0,$(V)),@)
say = @printf '  %-5s %s\n' '$(1)' '$(2)'

BUILD := build/$(VARIANT)
BIN   := $(if $(filter plain,$(VARIANT)),bin,$(BUILD)/bin)

# ---- flags -----------------------------------------------------------------

SANITIZE_asan := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
SANITIZE      := $(SANITIZE_$(VARIANT))

# Fault points (lib/fault_point.h) are compiled in for the fault tests alone.
DEFINES_faults := -DLOTTERY_FAULT_POINTS

# A sanitizer replaces the functions that _FORTIFY_SOURCE wraps: one or the other.
FORTIFY  := $(if $(SANITIZE),,-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes \
            $(if $(WERROR),-Werror)
HARDEN   := -fPIE -fstack-protector-strong $(FORTIFY)
OPTIMISE := -O2 -g
# The place of the build is in no program: the same commit gives the same bytes everywhere.
PLACE    := -ffile-prefix-map=$(CURDIR)=.
# cmocka 2 calls deprecated what cmocka 1 has no other name for.
DIALECT  := -std=c17 -D_GNU_SOURCE -DCMOCKA_DISABLE_DEPRECATION_WARNINGS -I. $(DEFINES_$(VARIANT))

CFLAGS      ?=
LDFLAGS     ?=
ALL_CFLAGS  := $(DIALECT) $(WARNINGS) $(HARDEN) $(OPTIMISE) $(PLACE) $(SANITIZE) $(CFLAGS)
ALL_LDFLAGS := -pie -Wl,-z,relro,-z,now,--as-needed $(SANITIZE) $(LDFLAGS)
LIBRARIES   := -lyaml -lrt -pthread
# Of the programs that have these rooms in them; tests have all of them.
LIBRARIES_engine := -lnats
LIBRARIES_shipper := -lseccomp
LIBRARIES_postgres := -lpq
LIBRARIES_server := -lseccomp
LIBRARIES_seal   := -lcrypto -ljansson
LIBRARIES_pki    := -lcrypto
LIBRARIES_tls    := -lssl -lcrypto
LIBRARIES_web    := -lmicrohttpd -lcrypto

# What --version says (lib/version.h). The file COMMIT is that of a source archive.
COMMIT := $(shell cat COMMIT 2>/dev/null || git describe --always --dirty --abbrev=12 --exclude='*' \
          2>/dev/null || echo unknown)

# The first error ends the program, in its children too; leaks count as errors.
export ASAN_OPTIONS  ?= abort_on_error=0:halt_on_error=1:exitcode=99:detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1
export UBSAN_OPTIONS ?= halt_on_error=1:print_stacktrace=1:exitcode=99

# ---- what is built of what ---------------------------------------------------

# A room is a folder with one subject, built into one archive; scripts/rooms.py says, and `make
# lint` checks, which rooms may know which. main.c of a room is no part of it, but a program's.
ROOMS := lib bet shm store engine feed seal shipper tls pki verify server client generate stat web admin

# libpq is not everywhere: the one program that stores into PostgreSQL is built where it is.
HAS_LIBPQ    := $(shell pkg-config --exists libpq 2>/dev/null && echo there)
LIBPQ_CFLAGS := $(shell pkg-config --cflags libpq 2>/dev/null)
ROOMS     += $(if $(HAS_LIBPQ),postgres)

# lib/version.c, which changes with every commit, goes into programs alone.
sources_of = $(filter-out $(1)/main.c lib/version.c,$(wildcard $(1)/*.c $(1)/*/*.c))
archives   = $(patsubst %,$(BUILD)/%.a,$(1))
HARNESS        := $(wildcard tests/harness/*.c)
ALL_SOURCES    := $(sort $(shell find $(ROOMS) tests -name '*.c' 2>/dev/null))
ALL_HEADERS    := $(sort $(shell find $(ROOMS) tests -name '*.h' 2>/dev/null))

# Unit and fuzz tests call the sources; integration and fault tests start the programs.
UNIT_TESTS        := $(patsubst %.c,$(BUILD)/%,$(sort $(shell find tests/unit -name 'test_*.c') \
                     $(wildcard tests/fuzz/test_*.c)))
INTEGRATION_TESTS := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/integration/test_*.c tests/faults/test_*.c))
# They start nodes of the log's engine, which `make test` does without.
CLUSTER_TESTS     := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/cluster/test_*.c))
# They count like the others (tests/scripts/words.sh).
# Sanitizers see nothing of tests that look at the tree, or build in another place.
TREE_TESTS        := docs rooms host_scripts packaging reproducible upgrade_page
TREE_TESTS_LEFT   := $(if $(filter asan,$(VARIANT)),$(TREE_TESTS:%=tests/scripts/test_%.sh))
SCRIPT_TESTS      := $(patsubst %.sh,$(BUILD)/%,$(filter-out $(TREE_TESTS_LEFT),$(wildcard tests/scripts/test_*.sh)))
CLUSTER_SCRIPTS   := $(patsubst %.sh,$(BUILD)/%,$(wildcard tests/cluster/test_*.sh))

objects = $(patsubst %.c,$(BUILD)/%.o,$(1))

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: FORCE # else .SECONDARY makes it a file that need not be made
FORCE:

# ---- building ----------------------------------------------------------------

# $(call program,NAME,ROOM,ROOMS): a program of ROOM's main.c and of these rooms, each before those
# that it knows. It is linked with the libraries of those rooms.
define program
PROGRAMS += $(BIN)/$(1)
$(BIN)/$(1): $(BUILD)/$(2)/main.o $(BUILD)/lib/version.o $(call archives,$(3))
$(BIN)/$(1): PROGRAM_LIBRARIES := $(foreach room,$(3),$(LIBRARIES_$(room)))
endef

$(eval $(call program,lottery-server,server,server seal tls store shm bet lib))
$(eval $(call program,lottery-agency,client,client tls bet lib))
$(eval $(call program,lottery-generate,generate,generate bet lib))
$(eval $(call program,lottery-stat,stat,stat server tls store shm bet lib))
$(eval $(call program,lottery-web,web,web stat server tls store shm bet lib))
$(eval $(call program,lottery-admin,admin,admin stat server seal pki tls store shm bet lib))
$(eval $(call program,lottery-shipper,shipper,shipper engine seal store shm bet lib))
$(eval $(call program,lottery-feed,feed,feed engine bet lib))
$(if $(HAS_LIBPQ),$(eval $(call program,lottery-feed-postgres,postgres,postgres feed engine bet lib)))
$(eval $(call program,lottery-verify,verify,verify seal store engine bet lib))

# Scripts are called by bash: a ZIP, or a copy by way of Windows, has lost their exec bits.
.PHONY: all build
all: $(PROGRAMS) ## build the programs into bin/

build: all ## the same, by the guide's name

# What the rooms of tests bring along: the benchmark, the fault tests.
include $(wildcard tests/*/*.mk tests/*/*/*.mk)

$(PROGRAMS):
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(PROGRAM_LIBRARIES) $(LIBRARIES)

# A room's archive is made anew: an object whose source is gone must not stay in it.
define archive_rule
$(BUILD)/$(1).a: $(call objects,$(call sources_of,$(1)))
endef
$(foreach room,$(ROOMS),$(eval $(call archive_rule,$(room))))

$(call archives,$(ROOMS)):
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

# A test links what it calls, and no more.
TEST_ARCHIVES := $(call archives,client generate admin web stat verify server shipper seal pki tls feed engine store shm bet lib)

$(UNIT_TESTS) $(INTEGRATION_TESTS) $(CLUSTER_TESTS): %: %.o $(call objects,$(HARNESS)) $(TEST_ARCHIVES)
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) \
	    $(foreach room,$(ROOMS),$(LIBRARIES_$(room))) $(LIBRARIES) \
	    -lcmocka

$(SCRIPT_TESTS) $(CLUSTER_SCRIPTS): $(BUILD)/%: %.sh
	@mkdir -p $(@D)
	@install -m 755 $< $@

$(BUILD)/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# Holds the compiler and flags of the last build, and is touched when they change.
$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS)' | cmp -s - $@ || \
	    echo '$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS)' >$@

$(call objects,$(wildcard postgres/*.c)): private ALL_CFLAGS += $(LIBPQ_CFLAGS)

# Holds the commit of the last build, and is touched when that changes.
$(BUILD)/commit: FORCE
	@mkdir -p $(@D)
	@echo '$(COMMIT)' | cmp -s - $@ || echo '$(COMMIT)' >$@

$(BUILD)/lib/version.o: $(BUILD)/commit
$(BUILD)/lib/version.o: ALL_CFLAGS += -DLOTTERY_COMMIT='"$(COMMIT)"'

# GCC would gather the places of a scan in vectors before it writes them, which takes longer.
$(BUILD)/bet/row_scan.o: ALL_CFLAGS += -fno-tree-slp-vectorize

# The page is put into the program.
$(BUILD)/web/page.o: web/page.html

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

# ---- testing -----------------------------------------------------------------

.PHONY: test unit build-tests run-tests asan test-cluster run-cluster-tests test-docker test-arm64
test: ## set up, build and run all tests (ONLY=test_bet: just that one)
	@bash scripts/setup.sh build test
	@$(MAKE) --no-print-directory $(PARALLEL) run-tests

unit: $(UNIT_TESTS) ## build and run the unit tests only
	@LOTTERY_BIN=$(BIN) bash scripts/run-tests.sh '$(ONLY)' $(UNIT_TESTS)

build-tests: $(PROGRAMS) $(UNIT_TESTS) $(INTEGRATION_TESTS)

run-tests: build-tests $(SCRIPT_TESTS)
	@LOTTERY_BIN=$(BIN) bash scripts/run-tests.sh '$(ONLY)' $(UNIT_TESTS) $(INTEGRATION_TESTS) $(SCRIPT_TESTS)

asan: ## the same tests under AddressSanitizer and UBSan, without those of the tree
	@$(MAKE) --no-print-directory VARIANT=asan test

test-cluster: ## the tests that need nats-server, several of them at once (ONLY=test_engine_nats)
	@bash scripts/setup.sh build test engine
	@$(MAKE) --no-print-directory $(PARALLEL) run-cluster-tests

run-cluster-tests: $(PROGRAMS) $(CLUSTER_TESTS) $(CLUSTER_SCRIPTS) fault-programs
	@LOTTERY_BIN=$(BIN) bash scripts/run-tests.sh '$(ONLY)' $(CLUSTER_TESTS) $(CLUSTER_SCRIPTS)

test-docker: ## the course's exercises against a real Docker engine
	@bash tests/docker/run.sh

test-arm64: ## the unit tests, confinement and kills on an emulated arm64 machine (minutes)
	@bash tests/arm64/run.sh

# ---- looking at the sources --------------------------------------------------

SHELL_SCRIPTS  := $(wildcard *.sh scripts/*.sh tests/*/*.sh packaging/*.sh .ci/* debian/tests/main-job debian/tests/service)
PYTHON_SCRIPTS := $(wildcard *.py scripts/*.py verify/*.py tests/*/*.py)

.PHONY: lint lint-rooms lint-docs lint-format lint-tidy lint-cppcheck lint-scripts format
lint: ## rooms, pages, clang-format, clang-tidy, cppcheck, shellcheck, python: all clean
	@bash scripts/setup.sh build test lint
	@$(MAKE) --no-print-directory --keep-going lint-rooms lint-docs lint-format lint-scripts \
	    lint-cppcheck lint-tidy

lint-rooms:
	$(call say,LINT,rooms)
	$(Q)python3 scripts/rooms.py

lint-docs:
	$(call say,LINT,docs)
	$(Q)python3 scripts/docs.py

lint-format:
	$(call say,LINT,clang-format)
	$(Q)clang-format --dry-run -Werror $(ALL_SOURCES) $(ALL_HEADERS)

lint-tidy:
	$(call say,LINT,clang-tidy)
	$(Q)printf '%s\n' $(filter-out $(TIDY_LEFT_OUT),$(ALL_SOURCES)) | \
	    xargs -P $(JOBS) -I '{}' clang-tidy --quiet '{}' -- $(DIALECT) $(TIDY_CFLAGS) $(LIBPQ_CFLAGS) \
	    -DLOTTERY_COMMIT='"none"'

lint-cppcheck:
	$(call say,LINT,cppcheck)
	$(Q)cppcheck --quiet --error-exitcode=1 --inline-suppr --suppressions-list=.cppcheck-suppressions \
	    --enable=warning,style,performance,portability --std=c11 -D_GNU_SOURCE -I. \
	    -j $(JOBS) $(ALL_SOURCES)

lint-scripts:
	$(call say,LINT,shellcheck and python)
	$(Q)shellcheck $(SHELL_SCRIPTS)
	$(Q)python3 -c 'import ast, sys; [ast.parse(open(f).read(), f) for f in sys.argv[1:]]' $(PYTHON_SCRIPTS)

format: ## lay out all C sources by .clang-format
	clang-format -i $(ALL_SOURCES) $(ALL_HEADERS)

# ---- running -----------------------------------------------------------------

.PHONY: run cluster setup ipcs
run: ## the main job: set up, build, five agencies, the draw, the winners
	@bash scripts/setup.sh build
	@$(MAKE) --no-print-directory -s $(PARALLEL) all
	@bash scripts/run.sh

cluster: ## past one machine: an engine of three nodes, two servers, a SIGKILL in the middle
	@bash scripts/setup.sh build engine
	@$(MAKE) --no-print-directory -s $(PARALLEL) all
	@python3 scripts/cluster.py

setup: ## install what building, testing, linting and the README's examples need
	@bash scripts/setup.sh build test lint looking

ipcs: ## what a natively run server shares: semaphores, /dev/shm, lottery-stat
	@bash scripts/ipcs.sh

# ---- docker compose, as the course's guide has it ----------------------------

.PHONY: docker-image docker-compose-up docker-compose-down docker-compose-stop
.PHONY: docker-compose-logs docker-compose-ipcs
docker-image: ## build the images; unchanged sources leave them as they are
	@bash scripts/compose.sh check
	commit=$$(bash scripts/commit.sh) && for program in server client; do \
	    docker build --force-rm -f $$program/Dockerfile --build-arg COMMIT="$$commit" -t $$program:latest . || exit 1; \
	done

docker-compose-up: docker-image ## build the images, start server and clients (TLS=1: encrypted)
	$(if $(filter-out 0 1,$(TLS)),$(error TLS is 1, or not set: "$(TLS)" is neither))
	@python3 multiple_clients_compose.py --bets
	$(if $(filter 1,$(TLS)),@bash scripts/tls.sh)
	@TLS=$(TLS) bash scripts/compose.sh up -d --remove-orphans

docker-compose-stop: ## stop them gracefully; containers, logs and bets stay
	@bash scripts/compose.sh stop -t 1

docker-compose-down: ## stop them gracefully, show how, and remove everything, bets too
	@bash scripts/compose.sh stop -t 1
	@bash scripts/compose.sh logs --tail=20
	@bash scripts/compose.sh down -t 1 -v --remove-orphans

docker-compose-logs: ## follow everybody's log
	@bash scripts/compose.sh logs -f

# Past one machine: three nodes of the engine, two servers, five agencies.
CLUSTER_COMPOSE = COMPOSE_FILES=docker-compose-cluster.yaml COMPOSE_PROJECT=cluster bash scripts/compose.sh

.PHONY: docker-cluster-up docker-cluster-lose docker-cluster-down
docker-cluster-up: docker-image ## past one machine, in containers: the engine, two servers, five agencies
	docker build -t engine:latest engine
	@python3 multiple_clients_compose.py --bets
	@$(CLUSTER_COMPOSE) up -d --remove-orphans

docker-cluster-lose: ## kill node-1 of those, which node-2 replaces; docker start node-1 brings it back
	docker kill node-1

docker-cluster-down: ## show the end of everybody's log, and remove all of it
	@$(CLUSTER_COMPOSE) logs --tail=20
	@$(CLUSTER_COMPOSE) down -t 5 -v --remove-orphans

docker-compose-ipcs: ## semaphores, /dev/shm and lottery-stat in the server's container
	@bash scripts/compose.sh exec -T server lottery-ipcs

# ---- installing and cleaning ---------------------------------------------------

include $(wildcard packaging/packaging.mk) # an image is built without it

.PHONY: clean distclean help
clean: ## remove what was built
	rm -rf build bin

distclean: clean ## remove what a server stored in data/ as well
	rm -rf data

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-20s %s\n", $$1, $$2 }' \
	    $(filter %Makefile %.mk,$(MAKEFILE_LIST))
