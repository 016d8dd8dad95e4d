# libredux. `make help` lists the goals; CONTRIBUTING.md says how they are used.
#
#   make                       libraries in build/lib, programs in build/bin
#   make deps check            install what is missing (Debian), then test
#   make install PREFIX=/usr   also DESTDIR, LIBDIR, INCLUDEDIR, BINDIR, MANDIR
#
# Yours to set: CC CXX AR CFLAGS CPPFLAGS LDFLAGS LDLIBS, BUILD=folder, V=1 (show commands),
# FFTW=0, ISAL=0, TIFF=0, WEBP=0, ZSTD=0, GDCM=0 (build without them), WERROR=1 (warnings are errors). Objects are rebuilt when any
# of these changes the command line.

# ---- deps first --------------------------------------------------------------------------------
# On a fresh machine not even pkg-config is there when make reads this file. So when `deps` is
# named together with other goals, this make only installs packages and then runs itself, once, on
# the other goals; that second make finds the flags. The same under -j.
DEPS_GOALS := $(filter deps deps-lint deps-dev deps-mpi,$(MAKECMDGOALS))
OTHER_GOALS := $(filter-out deps deps-lint deps-dev deps-mpi,$(MAKECMDGOALS))
ifneq ($(and $(DEPS_GOALS),$(OTHER_GOALS)),)

.PHONY: deps deps-lint deps-dev deps-mpi $(OTHER_GOALS) after-deps
.NOTPARALLEL:
$(OTHER_GOALS): after-deps ; @:
after-deps: $(DEPS_GOALS) ; +@$(MAKE) --no-print-directory $(OTHER_GOALS)
deps: ; @tools/deps.sh build
deps-lint: ; @tools/deps.sh build lint
deps-dev: ; @tools/deps.sh build lint dev
deps-mpi: ; @tools/deps.sh build mpi

else

# ---- settings ----------------------------------------------------------------------------------
CC ?= cc
ifeq ($(origin CC),default)
CC := $(if $(shell command -v gcc),gcc,cc)
endif
ifeq ($(origin CXX),default)
CXX := $(if $(findstring clang,$(CC)),clang++,g++)
endif
PKG_CONFIG ?= pkg-config
BUILD ?= build
CFLAGS ?= -O3 -g
WERROR ?= 0
V ?= 0
Q := $(if $(filter 1,$(V)),,@)
say = $(if $(Q),@printf '  %-7s %s\n' '$(1)' '$(2)')

# `make -n` prints and runs nothing. A recipe that names $(MAKE) itself, or begins with +, would be run all
# the same, so those that start scripts use these two.
SUBMAKE := $(MAKE)
RUN := $(if $(findstring n,$(firstword -$(MAKEFLAGS))),,+)

PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
PKGCONFIGDIR ?= $(LIBDIR)/pkgconfig
CMAKEDIR ?= $(LIBDIR)/cmake/redux
MODULEDIR ?= $(LIBDIR)
MANDIR ?= $(PREFIX)/share/man
BASHDIR ?= $(PREFIX)/share/bash-completion/completions
ZSHDIR ?= $(PREFIX)/share/zsh/site-functions

# The version and the ABI number have one home, include/redux/version.h.
version_part = $(shell sed -n 's/^.define REDUX_VERSION_$(1) //p' include/redux/version.h)
VERSION := $(call version_part,MAJOR).$(call version_part,MINOR).$(call version_part,PATCH)
ABI := $(shell sed -n 's/^.define REDUX_ABI_VERSION //p' include/redux/version.h)
MACHINE := $(shell $(CC) -dumpmachine 2>/dev/null)
PATCH := $(call version_part,MINOR).$(call version_part,PATCH)
# macOS has other names and another linker. By its documentation only: it was never built there.
DARWIN := $(findstring darwin,$(MACHINE))
LINKNAME := libredux.$(if $(DARWIN),dylib,so)
SONAME := $(if $(DARWIN),libredux.$(ABI).dylib,libredux.so.$(ABI))
MODULE_NAME := $(if $(DARWIN),libredux-gdcm.$(ABI).dylib,libredux-gdcm.so.$(ABI))
REALNAME := $(if $(DARWIN),libredux.$(ABI).$(PATCH).dylib,libredux.so.$(ABI).$(PATCH))

# ---- dependencies (docs/dependencies.md) -------------------------------------------------------
FFTW ?= $(shell $(PKG_CONFIG) --exists fftw3f 2>/dev/null && echo 1 || echo 0)
USE_FFTW := $(filter 1,$(FFTW))
ISAL ?= $(shell $(PKG_CONFIG) --exists libisal 2>/dev/null && echo 1 || echo 0)
USE_ISAL := $(filter 1,$(ISAL))
# TIFFOpenOptions, without which libtiff has handlers for the whole process only, came with 4.5.
TIFF ?= $(shell $(PKG_CONFIG) --exists 'libtiff-4 >= 4.5' 2>/dev/null && echo 1 || echo 0)
USE_TIFF := $(filter 1,$(TIFF))
WEBP ?= $(shell $(PKG_CONFIG) --exists libwebp 2>/dev/null && echo 1 || echo 0)
USE_WEBP := $(filter 1,$(WEBP))
ZSTD ?= $(shell $(PKG_CONFIG) --exists libzstd 2>/dev/null && echo 1 || echo 0)
USE_ZSTD := $(filter 1,$(ZSTD))
# GDCM has no .pc file.
GDCM_INCLUDE ?= $(lastword $(sort $(wildcard /usr/include/gdcm-*)))
GDCM ?= $(if $(GDCM_INCLUDE),1,0)
USE_GDCM := $(filter 1,$(GDCM))
GDCM_LIBS ?= $(if $(USE_GDCM),-lgdcmMSFF -lgdcmDSED -lgdcmCommon)
# JPEG-LS and JPEG 2000; without them GDCM decodes these, which is less safe.
CODECS := $(foreach codec,charls libopenjp2,$(shell $(PKG_CONFIG) --exists $(codec) 2>/dev/null && echo $(codec)))
CODEC_CFLAGS := $(if $(CODECS),$(patsubst -I%,-isystem %,$(shell $(PKG_CONFIG) --cflags $(CODECS))))
CODEC_LIBS := $(if $(CODECS),$(shell $(PKG_CONFIG) --libs $(CODECS)))
# libredux-mpi, a library of its own: MPI=1, with MPICC=mpicc.mpich for another one than the default.
MPI ?= 0
USE_MPI := $(filter 1,$(MPI))
MPICC ?= mpicc
PC_PACKAGES := zlib libpng libjpeg jansson minizip $(if $(USE_FFTW),fftw3f) $(if $(USE_ISAL),libisal) \
	$(if $(USE_TIFF),libtiff-4) $(if $(USE_WEBP),libwebp) $(if $(USE_ZSTD),libzstd)
PACKAGES := openblas $(PC_PACKAGES)
DEP_CFLAGS := $(patsubst -I%,-isystem %,$(shell $(PKG_CONFIG) --cflags $(PACKAGES) 2>/dev/null))
BLAS_LIBS := $(shell $(PKG_CONFIG) --libs openblas 2>/dev/null)
NIFTI_CFLAGS ?= -isystem /usr/include/nifti
NIFTI_LIBS ?= -lnifti2 -lznz
DEP_LIBS := $(BLAS_LIBS) $(shell $(PKG_CONFIG) --libs $(filter-out openblas,$(PACKAGES)) 2>/dev/null) $(NIFTI_LIBS) \
	-lpthread -lm -ldl
CHECK_CFLAGS := $(patsubst -I%,-isystem %,$(shell $(PKG_CONFIG) --cflags check 2>/dev/null))
CHECK_LIBS := $(shell $(PKG_CONFIG) --libs check 2>/dev/null)

# Goals that compile say what is missing before the compiler does. nifti_clib has no .pc file.
ifneq ($(filter-out deps deps-lint deps-dev deps-mpi help clean uninstall dist docs,$(or $(MAKECMDGOALS),all)),)
MISSING := $(if $(shell command -v $(PKG_CONFIG)),$(shell for p in $(PACKAGES); do \
	$(PKG_CONFIG) --exists $$p || echo $$p; done),$(PKG_CONFIG))
MISSING += $(shell echo 'int main(void) { return nifti_short_order(); }' | \
	$(CC) -include nifti/nifti2_io.h $(NIFTI_CFLAGS) -x c -w -o /dev/null - $(LDFLAGS) $(NIFTI_LIBS) \
	2>/dev/null || echo nifti_clib)
$(if $(strip $(MISSING)),$(error not found: $(strip $(MISSING)). `make deps` installs it on Debian))
endif

# ---- flags -------------------------------------------------------------------------------------
# Debug information names the sources from the top folder, so that builds in two folders are equal.
# No contraction to fused multiply-add behind our back, or results would differ between compilers;
# errno of math functions is never read. Nothing of -ffast-math.
# _FILE_OFFSET_BITS: files beyond 2 GiB on 32 bits.
FEATURES := -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64
WARNINGS := -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wvla -Wstrict-prototypes \
	-Wmissing-prototypes $(if $(filter 1,$(WERROR)),-Werror)
COMPILE = $(CC) -std=c11 $(FEATURES) -Iinclude -Ilib $(ROOM_FLAGS) $(if $(USE_FFTW),-DREDUX_FFTW=1) \
	$(if $(USE_ISAL),-DREDUX_ISAL=1) $(if $(USE_TIFF),-DREDUX_TIFF=1) $(if $(USE_WEBP),-DREDUX_WEBP=1) \
	$(if $(USE_ZSTD),-DREDUX_ZSTD=1) -fdebug-prefix-map='$(CURDIR)'=. -ffp-contract=off -fno-math-errno -fvisibility=hidden $(WARNINGS) $(DEP_CFLAGS) $(NIFTI_CFLAGS) \
	$(CPPFLAGS) $(CFLAGS) $(TIER_FLAGS) -MMD -MP
# The one C++ file, which reads compressed DICOM pixels by GDCM. It is a module, loaded when it is
# needed: GDCM and what it stands on take 30 ms to load.
COMPILE_CXX = $(CXX) -std=c++17 $(FEATURES) -Iinclude -Ilib -fdebug-prefix-map='$(CURDIR)'=. -fvisibility=hidden \
	-Wall -Wextra -Wpedantic -Wconversion -Wshadow $(if $(filter 1,$(WERROR)),-Werror) -isystem $(GDCM_INCLUDE) $(CODEC_CFLAGS) \
	$(CPPFLAGS) $(CFLAGS)
LINKER = $(CC)
LINK = $(LINKER) $(CFLAGS) -Wl,$(if $(DARWIN),-dead_strip_dylibs,--as-needed) \
	$(if $(RUNPATH),-Wl$(comma)-rpath$(comma)'$(RUNPATH)') $(LDFLAGS)
comma := ,
# Where the module is looked for first: beside the library, and in ../lib of a program. An installation that
# has it in a folder of its own sets MODULEDIR, and RUNPATH to that.
RUNPATH ?= $(if $(DARWIN),@loader_path/../lib,$$ORIGIN:$$ORIGIN/../lib)
# What may be missing at run time: OpenBLAS's own functions, where another BLAS is used (lib/base).
MAYBE := openblas_set_num_threads openblas_get_corename blas_memory_alloc blas_memory_free
EXPORTS := $(BUILD)/lib/exports
SHARED_LDFLAGS = $(if $(DARWIN),-dynamiclib -install_name @rpath/$(SONAME) -Wl$(comma)-exported_symbols_list$(comma)$(EXPORTS) \
	$(MAYBE:%=-Wl$(comma)-U$(comma)_%),-shared -Wl$(comma)-soname$(comma)$(SONAME) -Wl$(comma)--version-script=lib/libredux.map)
MODULE_LDFLAGS = $(if $(DARWIN),-dynamiclib -install_name @rpath/$(MODULE_NAME),-shared -Wl$(comma)-soname$(comma)$(MODULE_NAME))

# Each instruction set is one file that re-includes the kernel templates (lib/kernels/kernels.h);
# on other processors those files are empty and get no flags.
ifneq ($(filter x86_64-%,$(MACHINE)),)
AVX2_FLAGS := -mavx2 -mfma -mpopcnt -mbmi -mbmi2
AVX512_FLAGS := $(AVX2_FLAGS) -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512vnni -mavx512vpopcntdq \
	-mprefer-vector-width=512
endif
# For s390x GCC calculates floats in double where ISO C is asked for: other bits, and vectors cannot.
ifneq ($(filter s390x-%,$(MACHINE)),)
FEATURES += -fexcess-precision=fast
endif
# GCC 12 for ARM fails to compile some loops that find a maximum of floats as a double; tests have several.
ifneq ($(filter aarch64-%,$(MACHINE)),)
$(BUILD)/obj/tests/%.o: private TIER_FLAGS = -fno-tree-vectorize
endif
$(BUILD)/obj/%/tier_avx2.o: private TIER_FLAGS = $(AVX2_FLAGS)
$(BUILD)/obj/%/tier_avx512.o: private TIER_FLAGS = $(AVX512_FLAGS)
# Both libraries are of the same objects, which halves the time to build them. Nothing is put in front of the
# library's own functions, so calls within it need not go through the linker's table.
PIC_FLAGS := -fPIC -fno-semantic-interposition
$(BUILD)/obj/lib/%.o: private PIC = $(PIC_FLAGS)

# ---- what is built -----------------------------------------------------------------------------
objects = $(patsubst %.c,$(BUILD)/obj/%$(2),$(1))
LIB_SOURCES := $(filter-out lib/mpi/%,$(wildcard lib/*/*.c))
LIB_OBJECTS := $(call objects,$(LIB_SOURCES),.o)
PUBLIC_HEADERS := $(wildcard include/redux/*.h)
# A program is a folder of examples/: examples/reduce/*.c make redux-reduce. What several share is in
# examples/common, an archive from which each takes only what it needs.
PROGRAM_NAMES := $(basename $(notdir $(wildcard examples/*/redux-*.c)))
PROGRAMS := $(PROGRAM_NAMES:%=$(BUILD)/bin/%)
PROGRAM_SOURCES := $(wildcard $(PROGRAM_NAMES:redux-%=examples/%/*.c))
COMMON_SOURCES := $(wildcard examples/common/*.c)
COMMON := $(BUILD)/lib/examples-common.a
TUTORIAL_SOURCES := $(wildcard examples/tutorials/*.c)
TUTORIALS := $(patsubst examples/%.c,$(BUILD)/%,$(TUTORIAL_SOURCES))
# A test is one file, tests/unit/ROOM/test_*.c or tests/system/test_*.c, and becomes build/tests/test_*.
TEST_SOURCES := $(wildcard tests/unit/*/test_*.c tests/system/test_*.c)
TESTS := $(addprefix $(BUILD)/tests/,$(basename $(notdir $(TEST_SOURCES))))
FAULT_SHIM := $(BUILD)/tests/fault_shim.so
FUZZ_COMMON_SOURCES := tests/fuzz/fuzz.c tests/fuzz/runner.c
FUZZ_SOURCES := $(filter-out $(FUZZ_COMMON_SOURCES),$(wildcard tests/fuzz/*.c))
FUZZ_TARGETS := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(FUZZ_SOURCES))
# libFuzzer brings its own main.
FUZZ_COMMON := $(call objects,$(if $(LIBFUZZER),tests/fuzz/fuzz.c,$(FUZZ_COMMON_SOURCES)),.o)
STATIC := $(BUILD)/lib/libredux.a
SHARED := $(BUILD)/lib/$(LINKNAME)
MODULE := $(if $(USE_GDCM),$(BUILD)/lib/$(MODULE_NAME))
MPI_NAME := $(if $(DARWIN),libredux-mpi.$(ABI).dylib,libredux-mpi.so.$(ABI))
MPI_LINKNAME := libredux-mpi.$(if $(DARWIN),dylib,so)
MPI_LDFLAGS = $(if $(DARWIN),-dynamiclib -install_name @rpath/$(MPI_NAME),-shared -Wl$(comma)-soname$(comma)$(MPI_NAME) \
	-Wl$(comma)--version-script=lib/mpi/libredux-mpi.map)
MPI_LIBRARY := $(if $(USE_MPI),$(BUILD)/lib/$(MPI_NAME))

# What --help prints, as man pages and completions (tools/help).
SHARE := $(BUILD)/share
MAN_PAGES := $(PROGRAM_NAMES:%=$(SHARE)/man/man1/%.1)

.PHONY: all tests
all: $(STATIC) $(SHARED) $(MODULE) $(MPI_LIBRARY) $(PROGRAMS) $(TUTORIALS) $(MAN_PAGES) $(SHARE)/man/man3/redux.3
tests: $(TESTS) $(MODULE) $(FAULT_SHIM) $(FUZZ_TARGETS)

# The command lines of the last build, to compile and to link: files that are written anew only when
# their text changes. Another RUNPATH, as `make install` may have, links anew and compiles nothing. They
# are the same whoever asks first, because flags of single objects are private to them.
compile_flags = $(shell $(CC) --version | head -n 1) $(COMPILE) $(PIC_FLAGS) $(COMPILE_CXX) $(AVX512_FLAGS)
link_flags = $(LINK) $(SHARED_LDFLAGS) $(MODULE_LDFLAGS) $(DEP_LIBS) $(LDLIBS) $(CHECK_LIBS)
in_quotes = $(subst ','\'',$(1))
$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(call in_quotes,$(compile_flags))' | cmp -s - $@ || echo '$(call in_quotes,$(compile_flags))' > $@
$(BUILD)/link-flags: FORCE
	@mkdir -p $(@D)
	@echo '$(call in_quotes,$(link_flags))' | cmp -s - $@ || echo '$(call in_quotes,$(link_flags))' > $@

$(BUILD)/obj/%.o: %.c $(BUILD)/flags
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(COMPILE) $(PIC) -c -o $@ $<

$(BUILD)/lib/$(MODULE_NAME): lib/io/format_dicom_gdcm.cpp lib/io/format_dicom_gdcm.h $(BUILD)/flags $(BUILD)/link-flags
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(COMPILE_CXX) -fPIC $(MODULE_LDFLAGS) $(LDFLAGS) -o $@ $< $(GDCM_LIBS) $(CODEC_LIBS)

# MPI's own compiler knows where MPI is.
$(BUILD)/lib/$(MPI_NAME): lib/mpi/mpi.c lib/mpi/redux/mpi.h lib/mpi/libredux-mpi.map include/redux/communicator.h $(BUILD)/flags $(BUILD)/link-flags
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(MPICC) -std=c11 -Iinclude -Ilib/mpi -fPIC -fvisibility=hidden $(filter-out -Wpedantic,$(WARNINGS)) $(CFLAGS) \
	    $(MPI_LDFLAGS) $(LDFLAGS) -o $@ $<
	@ln -sf $(MPI_NAME) $(@D)/$(MPI_LINKNAME)

$(STATIC): $(LIB_OBJECTS)
	$(call say,AR,$@)
	@mkdir -p $(@D)
	$(Q)rm -f $@ && $(AR) rcsD $@ $^

$(BUILD)/lib/$(REALNAME): $(LIB_OBJECTS) lib/libredux.map $(BUILD)/link-flags
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(if $(DARWIN),$(Q)sed -n 's/^ *\([a-z_]*redux_[a-z0-9_]*\);.*/_\1/p' lib/libredux.map > $(EXPORTS))
	$(Q)$(LINK) $(SHARED_LDFLAGS) -o $@ $(LIB_OBJECTS) $(DEP_LIBS) $(LDLIBS)

$(SHARED): $(BUILD)/lib/$(REALNAME)
	@ln -sf $(REALNAME) $(@D)/$(SONAME)
	@ln -sf $(SONAME) $@

$(COMMON): $(call objects,$(COMMON_SOURCES),.o)
	$(call say,AR,$@)
	@mkdir -p $(@D)
	$(Q)rm -f $@ && $(AR) rcsD $@ $^

$(BUILD)/obj/examples/%.o: private ROOM_FLAGS = -Iexamples
$(foreach name,$(PROGRAM_NAMES),$(eval $(BUILD)/bin/$(name): \
	$(call objects,$(wildcard examples/$(name:redux-%=%)/*.c),.o)))
$(PROGRAMS): $(COMMON) $(STATIC) $(BUILD)/link-flags
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(LINK) -o $@ $(filter %.o,$^) $(COMMON) $(STATIC) $(DEP_LIBS) $(LDLIBS)

$(BUILD)/tutorials/%: $(BUILD)/obj/examples/tutorials/%.o $(STATIC)
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(LINK) -o $@ $^ $(DEP_LIBS) $(LDLIBS)

# Dated as the sources are, so that what is built twice is the same.
MAN_DATE := $(shell date -u -d @$${SOURCE_DATE_EPOCH:-$$(stat -c %Y include/redux/version.h)} +%Y-%m-%d)
$(SHARE)/man/man1/%.1: $(BUILD)/bin/% $(wildcard tools/help/*)
	$(call say,MAN,$@)
	$(Q)tools/help/make.sh $< $(SHARE) $(VERSION) $(MAN_DATE) '$(PROGRAM_NAMES)'
$(SHARE)/man/man3/redux.3: $(wildcard tools/help/*) README.md include/redux.h $(PUBLIC_HEADERS)
	$(call say,MAN,$@)
	$(Q)tools/help/library.sh $@ $(VERSION) $(MAN_DATE) '$(PROGRAM_NAMES)' $(PUBLIC_HEADERS)

# Tests link the static library: they also reach what is internal.
$(BUILD)/obj/tests/%.o: private DEP_CFLAGS += $(CHECK_CFLAGS)
$(BUILD)/obj/tests/%.o: private ROOM_FLAGS = -Itests -Iexamples
$(foreach source,$(TEST_SOURCES),$(eval $(BUILD)/tests/$(basename $(notdir $(source))): $(call objects,$(source),.o)))
$(TESTS): $(STATIC)
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(LINK) -o $@ $(filter %.o,$^) $(STATIC) $(CHECK_LIBS) $(DEP_LIBS) $(LDLIBS)

# Files between machines (tools/check-exchange.sh).
EXCHANGE := $(BUILD)/tests/exchange
$(EXCHANGE): $(call objects,tests/exchange/exchange.c,.o) $(STATIC)
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(LINK) -o $@ $(filter %.o,$^) $(STATIC) $(DEP_LIBS) $(LDLIBS)

# Each reader of outside bytes with its corpus; see `make fuzz`. Fuzzing engines are C++.
$(BUILD)/fuzz/%: private LINKER = $(if $(LIBFUZZER),$(CXX),$(CC))
$(BUILD)/fuzz/%: $(BUILD)/obj/tests/fuzz/%.o $(FUZZ_COMMON) $(STATIC)
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(LINK) $(LIBFUZZER) -o $@ $(filter %.o,$^) $(STATIC) $(DEP_LIBS) $(LDLIBS)
$(BUILD)/fuzz/experiment: $(BUILD)/obj/examples/experiment/config.o

# Preloaded by the tests of faults, so without sanitizers, and it defines malloc itself.
$(FAULT_SHIM): tests/support/fault_shim.c tests/support/fault_shim.h
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) -std=c11 -D_GNU_SOURCE $(WARNINGS) -O1 -g -fno-builtin -fPIC -fvisibility=hidden -shared -o $@ $< -ldl

-include $(patsubst %.o,%.d,$(LIB_OBJECTS) \
	$(call objects,$(PROGRAM_SOURCES) $(COMMON_SOURCES) $(TUTORIAL_SOURCES) $(TEST_SOURCES) $(FUZZ_SOURCES) $(FUZZ_COMMON_SOURCES),.o))
.SECONDARY:
.DELETE_ON_ERROR:
.PHONY: FORCE
FORCE:

# ---- tests -------------------------------------------------------------------------------------
# `make test` is the fast tier, for every edit; `make check` is everything.
.PHONY: test
test: $(TESTS) $(MODULE)
	@CK_EXCLUDE_TAGS=slow tests/support/run.sh "$@" $(TESTS)

# Every stage prints "stage: N passed, N failed"; check goes through all of them and adds them up. Those of
# CHECKS use all processors; those of CHECKS_BESIDE wait much, and so run side by side.
.PHONY: check check-tests check-fuzz check-tiers check-programs check-tutorials check-symbols check-install check-abi abi-baseline
.PHONY: check-headers check-examples check-builds check-reproducible check-python
CHECKS := check-tests check-fuzz check-tiers check-programs
CHECKS_BESIDE := check-install check-python check-tutorials check-examples check-symbols
check: all tests
	$(RUN)@{ for stage in $(CHECKS); do $(SUBMAKE) --no-print-directory $$stage 2>&1 || echo "$$stage FAILED"; done; \
	printf '%s\n' $(CHECKS_BESIDE) | xargs -P "$$(nproc)" -I STAGE sh -c \
	'{ $(SUBMAKE) --no-print-directory STAGE || echo "STAGE FAILED"; } >$(BUILD)/STAGE.log 2>&1'; \
	cat $(CHECKS_BESIDE:%=$(BUILD)/%.log); } | tee $(BUILD)/check.log
	@tests/support/sum.sh $(BUILD)/check.log

check-tests: $(TESTS) $(MODULE) $(FAULT_SHIM)
	@tests/support/run.sh "$@" $(TESTS)

# Every fuzz target over its corpus, without libFuzzer.
check-fuzz: $(FUZZ_TARGETS)
	@CORPUS=tests/fuzz/corpus tests/support/run.sh "$@" $(FUZZ_TARGETS)

# The same tests with the instruction sets lowered, as on a smaller processor. Those that never
# reach a kernel are left out.
TIER_TESTS ?= $(filter-out $(BUILD)/tests/test_context $(BUILD)/tests/test_pool $(BUILD)/tests/test_part $(BUILD)/tests/test_ranks $(BUILD)/tests/test_ranks_train $(BUILD)/tests/test_hostile $(BUILD)/tests/test_faults $(BUILD)/tests/test_io_%,$(TESTS))
check-tiers: $(TESTS) $(FAULT_SHIM)
	@for tier in $${TIERS-portable avx2}; do REDUX_TIER=$$tier tests/support/run.sh "$@ $$tier" $(TIER_TESTS) || s=1; \
	done; exit $${s:-0}

check-tutorials: $(TUTORIALS)
	@BUILD='$(BUILD)' tests/tutorials/run.sh

# PARTS='hash hostile': tests/programs/hash.sh and hostile.sh alone.
check-programs: all $(FAULT_SHIM)
	@BUILD='$(BUILD)' BIN='$(BUILD)/bin' OPENBLAS_NUM_THREADS=1 tests/programs/run.sh $(PARTS)

# The programs on several processes of this machine, and libredux-mpi for a C program: make MPI=1 check-mpi, in a minute;
# with ALL=1 more strategies, objectives and numbers of processes.
.PHONY: check-mpi
check-mpi: all
	$(if $(USE_MPI),,$(error check-mpi needs MPI=1))
	@BUILD='$(BUILD)' BIN='$(BUILD)/bin' MPICC='$(MPICC)' ALL='$(ALL)' tests/mpi/run.sh

# python/, where there is NumPy; PyTorch's part where there is PyTorch.
check-python: all
	@BUILD='$(BUILD)' CC='$(CC)' tests/python/run.sh

# The notebooks of python/notebooks, each in a kernel of its own (NOTEBOOKS=write keeps their output).
.PHONY: check-notebooks
check-notebooks: $(SHARED) $(MODULE)
	@REDUX_LIBRARY='$(abspath $(SHARED))' PYTHONDONTWRITEBYTECODE=1 $(PYTHON) tests/python/notebooks.py $(NOTEBOOKS)

# Python's package: a wheel for every x86-64 Linux of its glibc, checked (python/manylinux.py), and the
# sources with the library's, both in build/dist.
.PHONY: wheel sdist
PYTHON ?= /usr/bin/python3
wheel:
	@$(PYTHON) -c 'import setuptools, wheel' 2>/dev/null && command -v patchelf >/dev/null || \
	{ echo 'make wheel needs setuptools, wheel and patchelf: Debian has python3-setuptools, python3-wheel, patchelf' >&2; exit 1; }
	@rm -rf python/build
	$(Q)cd python && REDUX_WHEEL=1 $(PYTHON) setup.py -q bdist_wheel -d '$(abspath $(BUILD))/dist'
	$(Q)$(PYTHON) python/manylinux.py $(BUILD)/dist/libredux-$(VERSION)-py3-none-manylinux_*_x86_64.whl
sdist:
	$(Q)cd python && $(PYTHON) setup.py -q sdist -d '$(abspath $(BUILD))/dist'

# The wheel in a Debian of its own, with no compiler and no library of ours; docs/python.md runs there.
.PHONY: check-wheel
check-wheel: wheel
	@tools/check-wheel.sh $(BUILD)/dist/libredux-$(VERSION)-py3-none-manylinux_*_x86_64.whl $(ROOT)

check-symbols: $(STATIC) $(SHARED)
	@CC='$(CC)' tools/check-symbols.sh include lib/libredux.map $(SHARED) $(STATIC)

# The examples in the public headers, compiled as C and C++ and run.
check-examples: $(SHARED)
	@CC='$(CC)' CXX='$(CXX)' tools/check-examples.sh $(SHARED)

# Each public header alone, in every standard; and the library in other ways than the usual (long).
check-headers:
	@tools/check-headers.sh include/redux.h $(PUBLIC_HEADERS)
check-builds:
	@MAKE='$(SUBMAKE)' tools/check-builds.sh $(BUILDS)
# The archive of the last commit, built twice in different folders (TEST=1: and tested).
check-reproducible: dist
	@MAKE='$(SUBMAKE)' tools/check-reproducible.sh $(BUILD)/libredux-$(VERSION).tar.gz

check-install: all
	$(RUN)@CC='$(CC)' CXX='$(CXX)' MAKE='$(SUBMAKE)' PKG_CONFIG='$(PKG_CONFIG)' CFLAGS='$(CFLAGS)' \
	LDFLAGS='$(LDFLAGS)' BUILD='$(BUILD)' tests/install/run.sh

# The tests under an emulator, built by a cross compiler: make check-arch ARCH=arm64 (or s390x, i386). Then
# files are exchanged with those that have been built before, and with this machine.
.PHONY: check-arch exchange check-exchange
ARCH ?= arm64
check-arch: exchange
	$(RUN)@MAKE='$(SUBMAKE)' BUILD='$(BUILD)' tools/check-arch.sh $(ARCH)
# Its fast tier alone.
.PHONY: check-arch-fast
check-arch-fast:
	$(RUN)@CK_EXCLUDE_TAGS=slow MAKE='$(SUBMAKE)' tools/check-arch.sh $(ARCH) check-tests
exchange: $(EXCHANGE) $(PROGRAMS)
check-exchange: exchange
	@BUILD='$(BUILD)' tools/check-exchange.sh

# lib/ with nothing but POSIX, and with musl's headers.
.PHONY: check-posix
check-posix:
	@CC='$(CC)' DEP_CFLAGS='$(DEP_CFLAGS) $(NIFTI_CFLAGS)' tools/check-posix.sh

# The Debian packages of the last commit, built and looked at by lintian (long).
.PHONY: check-debian
check-debian:
	@tools/check-debian.sh $(DEBS)

# Against the baseline of this ABI number, which the commit that changes the interface records by
# `make abi-baseline`, and against each release since 0.2.0 (docs/abi.md).
ABI_BASELINE := tests/abi/libredux-$(ABI).abi
check-abi: $(SHARED)
	@tools/check-abi.sh check $(ABI_BASELINE) $(SHARED)
	@CC='$(CC)' tests/abi/run.sh
abi-baseline: $(SHARED)
	@tools/check-abi.sh write $(ABI_BASELINE) $(SHARED)

# ---- sanitizers, valgrind, coverage: each in a build folder of its own -------------------------
.PHONY: asan asan-fast ubsan integer msan tsan valgrind coverage
SUB = +@$(MAKE) --no-print-directory
# LD_LIBRARY_PATH: a sanitizer opens modules itself, for which a program's own RUNPATH does not count.
SANITIZE = $(SUB) LD_LIBRARY_PATH='$(CURDIR)/build-$@/lib' LSAN_OPTIONS=suppressions=tests/support/lsan.supp:print_suppressions=0 BUILD=build-$@ CFLAGS='-O1 -g -fno-omit-frame-pointer $(1)' CK_TIMEOUT_MULTIPLIER=50
# What reads and holds foreign bytes, in a minute or two, for every change: the fast unit tests of files, datasets and what
# they stand on, and the fuzz corpora. Not optimised, which halves the time to compile.
SANITIZED := $(wildcard tests/unit/base/test_*.c tests/unit/io/test_*.c tests/unit/data/test_*.c tests/system/test_hostile.c \
	tests/unit/select/test_manifest.c tests/unit/select/test_results.c tests/unit/hash/test_hash_list.c tests/unit/judge/test_labels.c)
asan-fast:
	$(call SANITIZE,-O0 -g1 -fsanitize=address$(comma)undefined -fno-sanitize-recover=all) CK_EXCLUDE_TAGS=slow \
	TESTS='$(patsubst %.c,build-$@/tests/%,$(notdir $(SANITIZED)))' check-tests check-fuzz
asan:
	$(call SANITIZE,-fsanitize=address) check-tests check-fuzz check-programs
ubsan:
	$(call SANITIZE,-fsanitize=undefined$(comma)float-cast-overflow -fno-sanitize-recover=all) check-tests check-fuzz check-programs
# Clang's checks of whole numbers: unsigned numbers that wrap, conversions that change a value. Where that is meant a function
# has RDX_WRAPS (lib/base/base.h).
integer:
	$(call SANITIZE,-fsanitize=integer$(comma)implicit-conversion -fno-sanitize-recover=all \
	-fsanitize-ignorelist=tests/support/integer.ignore) CC=clang check-tests
# Needs Debian's sources of the libraries beneath; see there what is left out.
msan:
	$(RUN)@MAKE='$(SUBMAKE)' tests/support/msan.sh build-msan $(MSAN_TESTS)
tsan:
	$(call SANITIZE,-fsanitize=thread) check-tests

# valgrind 3.19 knows no AVX-512, neither in our kernels nor in OpenBLAS's.
VALGRIND := valgrind -q --leak-check=full --show-leak-kinds=definite \
	--errors-for-leak-kinds=definite --suppressions=tests/support/valgrind.supp --error-exitcode=99
valgrind: $(TESTS) $(MODULE)
	@REDUX_TIER=avx2 OPENBLAS_CORETYPE=Haswell CK_TIMEOUT_MULTIPLIER=100 WRAPPER='$(VALGRIND)' \
	tests/support/run.sh "$@" $(TESTS)

# libFuzzer targets in build-fuzz/fuzz (Clang). FUZZ=TARGET fuzzes one for SECONDS of a processor,
# beginning with its corpus; what it finds is kept in build-fuzz/found, inputs of new coverage in
# build-fuzz/corpus.
.PHONY: fuzz fuzz-targets
FUZZ ?=
SECONDS ?= 60
fuzz-targets: $(FUZZ_TARGETS) $(MODULE)
fuzz:
	$(SUB) BUILD=build-fuzz CC=clang LIBFUZZER=-fsanitize=fuzzer CFLAGS='-O1 -g -fno-omit-frame-pointer \
	-fsanitize=fuzzer-no-link,address,undefined,float-cast-overflow -fno-sanitize-recover=undefined,float-cast-overflow' fuzz-targets
	$(if $(FUZZ),@BUILD=build-fuzz tests/fuzz/fuzz.sh $(SECONDS) $(FUZZ))

# Fuzzing, faults, kills and races in turns, then a table.
.PHONY: soak
HOURS ?= 1
soak:
	$(RUN)@MAKE='$(SUBMAKE)' BUILD='$(BUILD)' tools/soak.sh $(HOURS)

coverage:
	-$(SUB) BUILD=build-coverage CFLAGS='-Og -g --coverage -fprofile-update=atomic' \
	CK_TIMEOUT_MULTIPLIER=50 check-tests check-fuzz check-tiers check-programs
	@tools/coverage.sh build-coverage

# ---- demo, bench, lint, docs -------------------------------------------------------------------
.PHONY: demo bench bench-check lint docs
demo: $(PROGRAMS)
	@$(BUILD)/bin/redux-demo --patients data/sts-small --out demo data/ct

bench: $(BUILD)/bin/redux-bench
	@$(BUILD)/bin/redux-bench $(BENCH_FLAGS) data/ct/STS_012_CT.nii.gz

# By hand, on a quiet machine, before a release: make bench-check BENCH_PEERS="tools/peers FOLDER"
BENCH_PEERS = tools/peers
bench-check: $(BUILD)/bin/redux-bench
	@env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE $(BUILD)/bin/redux-bench --json \
	    $(addprefix --peers ,$(BENCH_PEERS)) $(BENCH_FLAGS) data/ct/STS_012_CT.nii.gz \
	    >$(BUILD)/bench.json
	@tools/bench-check.py docs/performance.md $(BUILD)/bench.json

lint:
	@CC='$(CC)' TIDY_FLAGS='$(filter-out -MMD -MP -W%,$(wordlist 2,999,$(COMPILE))) $(CHECK_CFLAGS)' \
	AVX2_FLAGS='$(AVX2_FLAGS)' AVX512_FLAGS='$(AVX512_FLAGS)' tools/lint.sh
	$(SUB) BUILD=build-lint-gcc CC=gcc WERROR=1 all tests
	$(SUB) BUILD=build-lint-clang CC=clang WERROR=1 all tests

docs:
	@mkdir -p $(BUILD)/docs
	@(cat docs/Doxyfile; echo 'PROJECT_NUMBER = $(VERSION)'; echo 'OUTPUT_DIRECTORY = $(BUILD)/docs') | doxygen -
	@echo "$(BUILD)/docs/html/index.html"

# ---- install -----------------------------------------------------------------------------------
# libredux.pc and CMake's files find the rest from where they lie, so that an installed tree can be moved.
.PHONY: install uninstall
space := $(subst ,, )
POINTER_BYTES = $(shell echo __SIZEOF_POINTER__ | $(CC) $(CFLAGS) -E -P -)
relative = $(shell realpath -m --relative-to='$(1)' '$(2)')
INSTALLED = $(foreach f,libredux.a $(LINKNAME) $(SONAME) $(REALNAME),$(LIBDIR)/$(f)) \
	$(LIBDIR)/$(MPI_LINKNAME) $(LIBDIR)/$(MPI_NAME) $(INCLUDEDIR)/redux/mpi.h $(PKGCONFIGDIR)/libredux-mpi.pc \
	$(MODULEDIR)/$(MODULE_NAME) $(PKGCONFIGDIR)/libredux.pc $(INCLUDEDIR)/redux.h $(INCLUDEDIR)/redux.hpp \
	$(CMAKEDIR)/reduxConfig.cmake $(CMAKEDIR)/reduxConfigVersion.cmake \
	$(foreach f,$(PUBLIC_HEADERS),$(INCLUDEDIR)/redux/$(notdir $(f))) \
	$(foreach f,$(PROGRAM_NAMES),$(BINDIR)/$(f) $(MANDIR)/man1/$(f).1 $(BASHDIR)/$(f) $(ZSHDIR)/_$(f)) \
	$(MANDIR)/man3/redux.3

install: all
	$(call say,INSTALL,$(DESTDIR)$(PREFIX))
	$(Q)install -d '$(DESTDIR)$(LIBDIR)' '$(DESTDIR)$(PKGCONFIGDIR)' '$(DESTDIR)$(BINDIR)' \
	'$(DESTDIR)$(INCLUDEDIR)/redux' '$(DESTDIR)$(CMAKEDIR)' '$(DESTDIR)$(MANDIR)/man1' \
	'$(DESTDIR)$(MANDIR)/man3' '$(DESTDIR)$(BASHDIR)' '$(DESTDIR)$(ZSHDIR)'
	$(Q)install -m 644 $(STATIC) $(BUILD)/lib/$(REALNAME) '$(DESTDIR)$(LIBDIR)'
	$(if $(MODULE),$(Q)install -D -m 644 $(MODULE) '$(DESTDIR)$(MODULEDIR)/$(MODULE_NAME)')
	$(if $(MPI_LIBRARY),$(Q)install -m 644 $(MPI_LIBRARY) '$(DESTDIR)$(LIBDIR)' && \
	ln -sf $(MPI_NAME) '$(DESTDIR)$(LIBDIR)/$(MPI_LINKNAME)' && \
	install -m 644 lib/mpi/redux/mpi.h '$(DESTDIR)$(INCLUDEDIR)/redux')
	$(Q)ln -sf $(REALNAME) '$(DESTDIR)$(LIBDIR)/$(SONAME)'
	$(Q)ln -sf $(SONAME) '$(DESTDIR)$(LIBDIR)/$(LINKNAME)'
	$(Q)install -m 644 include/redux.h include/redux.hpp '$(DESTDIR)$(INCLUDEDIR)'
	$(Q)install -m 644 $(PUBLIC_HEADERS) '$(DESTDIR)$(INCLUDEDIR)/redux'
	$(Q)install -m 755 $(PROGRAMS) '$(DESTDIR)$(BINDIR)'
	$(Q)install -m 644 $(MAN_PAGES) '$(DESTDIR)$(MANDIR)/man1'
	$(Q)install -m 644 $(SHARE)/man/man3/redux.3 '$(DESTDIR)$(MANDIR)/man3'
	$(Q)install -m 644 $(PROGRAM_NAMES:%=$(SHARE)/bash-completion/completions/%) '$(DESTDIR)$(BASHDIR)'
	$(Q)install -m 644 $(PROGRAM_NAMES:%=$(SHARE)/zsh/site-functions/_%) '$(DESTDIR)$(ZSHDIR)'
	$(Q)sed -e 's|@PREFIX@|$${pcfiledir}/$(call relative,$(PKGCONFIGDIR),$(PREFIX))|' \
	-e 's|@LIBDIR@|$${prefix}/$(call relative,$(PREFIX),$(LIBDIR))|' \
	-e 's|@INCLUDEDIR@|$${prefix}/$(call relative,$(PREFIX),$(INCLUDEDIR))|' \
	-e 's|@VERSION@|$(VERSION)|' -e 's|@REQUIRES@|$(strip $(PC_PACKAGES))|' \
	-e 's|@LIBS@|$(strip $(BLAS_LIBS) $(NIFTI_LIBS) -lpthread -lm -ldl)|' pkgconfig/libredux.pc.in \
	> '$(DESTDIR)$(PKGCONFIGDIR)/libredux.pc' && chmod 644 '$(DESTDIR)$(PKGCONFIGDIR)/libredux.pc'
	$(if $(MPI_LIBRARY),$(Q)sed -e 's|@PREFIX@|$${pcfiledir}/$(call relative,$(PKGCONFIGDIR),$(PREFIX))|' \
	-e 's|@LIBDIR@|$${prefix}/$(call relative,$(PREFIX),$(LIBDIR))|' \
	-e 's|@INCLUDEDIR@|$${prefix}/$(call relative,$(PREFIX),$(INCLUDEDIR))|' \
	-e 's|@VERSION@|$(VERSION)|' pkgconfig/libredux-mpi.pc.in \
	> '$(DESTDIR)$(PKGCONFIGDIR)/libredux-mpi.pc' && chmod 644 '$(DESTDIR)$(PKGCONFIGDIR)/libredux-mpi.pc')
	$(Q)for file in reduxConfig.cmake reduxConfigVersion.cmake; do \
	sed -e 's|@INCLUDE@|$(call relative,$(CMAKEDIR),$(INCLUDEDIR))|' \
	-e 's|@LIB@|$(call relative,$(CMAKEDIR),$(LIBDIR))|' -e 's|@VERSION@|$(VERSION)|' \
	-e 's|@REALNAME@|$(REALNAME)|' -e 's|@SONAME@|$(SONAME)|' -e 's|@MPINAME@|$(MPI_NAME)|' -e 's|@POINTER@|$(POINTER_BYTES)|' \
	-e 's|@LIBS@|$(subst $(space),;,$(strip $(DEP_LIBS)))|' pkgconfig/$$file.in \
	> '$(DESTDIR)$(CMAKEDIR)'/$$file && chmod 644 '$(DESTDIR)$(CMAKEDIR)'/$$file || exit 1; done

	$(if $(DESTDIR),,@tools/loader-hint.sh '$(LIBDIR)' '$(SONAME)')

# Folders go too where they are empty, but those of the system stay.
uninstall:
	$(call say,REMOVE,$(DESTDIR)$(PREFIX))
	$(Q)cd '$(or $(DESTDIR),/)' && rm -f $(patsubst /%,'%',$(INSTALLED))
	$(Q)cd '$(or $(DESTDIR),/)' && for folder in $(patsubst /%,'%',$(INCLUDEDIR)/redux $(CMAKEDIR) \
	$(filter-out $(LIBDIR),$(MODULEDIR)) $(if $(DESTDIR)$(filter-out /usr /usr/local,$(PREFIX)),$(INCLUDEDIR) $(PKGCONFIGDIR) $(LIBDIR) $(BINDIR) \
	$(MANDIR)/man1 $(MANDIR)/man3 $(BASHDIR) $(ZSHDIR))); \
	do [ ! -d "$$folder" ] || rmdir -p --ignore-fail-on-non-empty "$$folder"; done

# ---- the rest ----------------------------------------------------------------------------------
.PHONY: deps deps-lint deps-dev deps-mpi dist clean help
deps: ; @tools/deps.sh build
deps-lint: ; @tools/deps.sh build lint
deps-dev: ; @tools/deps.sh build lint dev
deps-mpi: ; @tools/deps.sh build mpi

dist:
	@mkdir -p $(BUILD)
	@git archive --format=tar --prefix=libredux-$(VERSION)/ HEAD | gzip -9n > $(BUILD)/libredux-$(VERSION).tar.gz
	@echo "$(BUILD)/libredux-$(VERSION).tar.gz"

clean:
	rm -rf $(BUILD) build-fuzz build-asan build-asan-fast build-ubsan build-integer build-msan build-tsan build-coverage build-lint-gcc build-lint-clang demo \
	    python/build python/csrc python/libredux.egg-info

help:
	@sed -n 's/^# *//; 1,/^$$/p' Makefile | head -n 11
	@cat tools/goals.txt

endif # deps first
