# libredux: plain `make` builds build/lib/libredux.{a,so} and the programs in build/bin/.
VERSION := 0.1.0
SONAME := libredux.so.0
CC ?= cc
PKG_CONFIG ?= pkg-config
BUILD ?= build
V ?= 0
Q := $(if $(filter 1,$(V)),,@)
FFTW ?= 1

PACKAGES := openblas zlib libpng libjpeg jansson minizip $(if $(filter 1,$(FFTW)),fftw3f)
DEP_CFLAGS := $(shell $(PKG_CONFIG) --cflags $(PACKAGES) 2>/dev/null) -I/usr/include/nifti
DEP_LIBS := $(shell $(PKG_CONFIG) --libs $(PACKAGES) 2>/dev/null) -lnifti2 -lznz -lpthread -lm

CFLAGS ?= -O3 -g
WARNINGS := -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wvla -Wstrict-prototypes -Werror
ALL_CFLAGS = -std=c11 -D_GNU_SOURCE -ffp-contract=off -fno-math-errno -Iinclude -Ilib \
	$(WARNINGS) $(if $(filter 1,$(FFTW)),-DREDUX_FFTW=1) $(DEP_CFLAGS) $(CFLAGS)
LIB_CFLAGS = $(ALL_CFLAGS) -fvisibility=hidden

$(BUILD)/obj/%/tier_avx2.o $(BUILD)/obj/%/tier_avx2.pic.o: TIER_FLAGS := -mavx2 -mfma -mpopcnt -mbmi2
$(BUILD)/obj/%/tier_avx512.o $(BUILD)/obj/%/tier_avx512.pic.o: TIER_FLAGS := -mavx2 -mfma -mpopcnt -mbmi2 \
	-mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512vpopcntdq -mprefer-vector-width=512

LIB_SOURCES := $(wildcard lib/*/*.c)
LIB_OBJECTS := $(LIB_SOURCES:lib/%.c=$(BUILD)/obj/lib/%.o)
LIB_PIC_OBJECTS := $(LIB_SOURCES:lib/%.c=$(BUILD)/obj/lib/%.pic.o)
PROGRAMS := $(patsubst examples/redux-%.c,$(BUILD)/bin/redux-%,$(wildcard examples/redux-*.c))
PROGRAM_SHARED := $(patsubst examples/%.c,$(BUILD)/obj/examples/%.o,$(filter-out examples/redux-%.c,$(wildcard examples/*.c)))
TESTS := $(patsubst tests/%.c,$(BUILD)/tests/%,$(wildcard tests/test_*.c))

all: $(BUILD)/lib/libredux.a $(BUILD)/lib/libredux.so $(PROGRAMS)

$(BUILD)/obj/lib/%.o: lib/%.c
	@mkdir -p $(@D)
	@$(if $(Q),echo "  CC    $<")
	$(Q)$(CC) $(LIB_CFLAGS) $(TIER_FLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/obj/lib/%.pic.o: lib/%.c
	@mkdir -p $(@D)
	@$(if $(Q),echo "  CC    $< (shared)")
	$(Q)$(CC) $(LIB_CFLAGS) $(TIER_FLAGS) -fPIC -MMD -MP -c -o $@ $<

$(BUILD)/obj/examples/%.o: examples/%.c
	@mkdir -p $(@D)
	@$(if $(Q),echo "  CC    $<")
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/lib/libredux.a: $(LIB_OBJECTS)
	@mkdir -p $(@D)
	@$(if $(Q),echo "  AR    $@")
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/lib/libredux.so: $(LIB_PIC_OBJECTS)
	@mkdir -p $(@D)
	@$(if $(Q),echo "  LD    $@")
	$(Q)$(CC) -shared -Wl,-soname,$(SONAME) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(DEP_LIBS)

$(BUILD)/bin/%: $(BUILD)/obj/examples/%.o $(PROGRAM_SHARED) $(BUILD)/lib/libredux.a
	@mkdir -p $(@D)
	@$(if $(Q),echo "  LD    $@")
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(DEP_LIBS)

$(BUILD)/tests/%: tests/%.c $(BUILD)/lib/libredux.a
	@mkdir -p $(@D)
	@$(if $(Q),echo "  TEST  $<")
	$(Q)$(CC) $(ALL_CFLAGS) $(shell $(PKG_CONFIG) --cflags check) $(LDFLAGS) -MMD -MP -o $@ $< $(BUILD)/lib/libredux.a \
		$(shell $(PKG_CONFIG) --libs check) $(DEP_LIBS)

check: $(TESTS)
	$(Q)for t in $(TESTS); do $$t || exit 1; done

clean:
	rm -rf $(BUILD)

.PHONY: all check clean
.SECONDARY:
-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
