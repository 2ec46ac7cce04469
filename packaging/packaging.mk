# What is installed, and where; the source archive; the packages. docs/service.md and docs/upgrade.md.

SYSCONFDIR ?= /etc
UNITDIR    ?= $(PREFIX)/lib/systemd/system

# Pages and completions stand in the tree; `make pages` writes them anew from the programs' tables.
PAGES       := $(wildcard man/*.[157])
COMPLETIONS := $(wildcard completion/lottery-*)
MONITORING  := $(wildcard monitoring/*)

# The units in the tree are those of /usr; here they are told where the programs are.
UNITS      := $(addprefix $(BUILD)/,$(wildcard packaging/systemd/*.service))
unit_lists  = $(foreach list,$(wildcard packaging/systemd/*.$(1)), \
    $(list):$(PREFIX)/lib/$(1).d/$(basename $(notdir $(list))).conf:644)

# FROM:TO:MODE of each file, TO without DESTDIR.
into      = $(foreach file,$(1),$(file):$(2)/$(notdir $(file)):$(3))
INSTALLED = $(call into,$(PROGRAMS) verify/lottery-verify.py,$(PREFIX)/bin,755) \
            $(foreach page,$(PAGES),$(call into,$(page),$(PREFIX)/share/man/man$(subst .,,$(suffix $(page))),644)) \
            $(call into,$(COMPLETIONS),$(PREFIX)/share/bash-completion/completions,644) \
            $(call into,$(UNITS),$(UNITDIR),644) \
            $(call unit_lists,sysusers) $(call unit_lists,tmpfiles) \
            $(call into,$(MONITORING),$(PREFIX)/share/lottery/monitoring,644) \
            server/config.yaml:$(PREFIX)/share/lottery/server.yaml:644 \
            client/config.yaml:$(PREFIX)/share/lottery/client.yaml:644

# The operator's own: install leaves those alone that are there, uninstall those that were changed.
CONFIGURATION = packaging/etc/server.yaml:$(SYSCONFDIR)/lottery/server.yaml:644 \
                packaging/etc/agency.yaml:$(SYSCONFDIR)/lottery/agency.yaml:644 \
                packaging/etc/lottery-server.default:$(SYSCONFDIR)/default/lottery-server:644 \
                packaging/etc/lottery-web.default:$(SYSCONFDIR)/default/lottery-web:644

# The directories that are nobody else's.
OWN_DIRECTORIES = $(PREFIX)/share/lottery/monitoring $(PREFIX)/share/lottery $(SYSCONFDIR)/lottery

# $(call each,LIST,COMMAND): of each entry of the list, with from, to and mode set.
each = printf '%s\n' $(1) | while IFS=: read -r from to mode; do to='$(DESTDIR)'$$to; $(2) || exit 1; done

.PHONY: pages install uninstall dist deb lint-deb test-deb test-deb-twice
pages: all ## write man/ and completion/ anew, after options or keys have changed
	@bash scripts/pages.sh $(BIN) .

$(UNITS): $(BUILD)/%: % FORCE
	@mkdir -p $(@D)
	@sed -e 's|/usr/bin/|$(PREFIX)/bin/|g' -e 's|/etc/|$(SYSCONFDIR)/|g' $< >$@

install: all $(UNITS) ## install below PREFIX (/usr/local), inside DESTDIR; /etc/lottery as well
	@umask 022 && $(call each,$(INSTALLED),echo "$$to" && install -D -m "$$mode" "$$from" "$$to")
	@umask 022 && $(call each,$(CONFIGURATION),[ -e "$$to" ] || \
	    { echo "$$to" && install -D -m "$$mode" "$$from" "$$to"; })

uninstall: ## remove what install has put there, but for what was changed in /etc
	@$(call each,$(INSTALLED),rm -f "$$to")
	@$(call each,$(CONFIGURATION),if [ ! -e "$$to" ] || cmp -s "$$from" "$$to"; then rm -f "$$to"; \
	    else echo "$$to was changed and stays"; fi)
	@for directory in $(OWN_DIRECTORIES); do \
	    [ ! -d "$(DESTDIR)$$directory" ] || rmdir --ignore-fail-on-non-empty "$(DESTDIR)$$directory"; done

HEAD = $(shell git rev-parse --short=12 HEAD)
dist: ## a source archive of the latest commit below build/, with its hash in COMMIT
	@mkdir -p build
	git archive --format=tar.gz --prefix=lottery-$(HEAD)/ \
	    --add-virtual-file=lottery-$(HEAD)/COMMIT:$(HEAD) \
	    -o build/lottery-$(HEAD).tar.gz HEAD

deb: ## Debian packages of the latest commit (or of a source archive), in build/deb/
	@bash scripts/setup.sh build packaging
	@bash packaging/deb.sh build/deb

lint-deb: ## lintian on these packages: no error, no warning
	lintian --fail-on error,warning --suppress-tags bad-distribution-in-changes-file build/deb/*.changes

test-deb: ## autopkgtest of these packages, and a package's life, in containers with systemd
	@bash packaging/test-deb.sh build/deb

test-deb-twice: ## build these packages again, elsewhere and by another environment: the same bytes
	@bash packaging/twice.sh build/deb
