/* SPDX-License-Identifier: MIT
 * A reader of Python's pickle format (Lib/pickletools.py lists the opcodes) that only records. */
#include <stdio.h>
#include <string.h>
#include "pickle.h"

#define VALUES_MAX (1 << 22) /* a ResNet-152 and its optimiser need 50,000 */
#define MARK (-1)
#define UNSET (-2)

typedef enum argument {
    NO_ARGUMENT,
    BYTES_1, /* a number, little-endian */
    BYTES_2,
    BYTES_4,
    BYTES_8,
    COUNTED_1, /* a length of 1, 4 or 8 bytes, then that many bytes */
    COUNTED_4,
    COUNTED_8,
    LINE,
    TWO_LINES
} argument;

typedef struct operand {
    uint64_t number;
    const unsigned char *text, *second;
    uint64_t length, second_length;
} operand;

typedef struct reader {
    rdx_pickle *pickle;
    redux_context *context;
    const char *label;
    const unsigned char *begin, *at, *end;
    int32_t *stack, *memo; /* values; MARK, UNSET */
    int64_t stack_count, stack_capacity, memo_count, memo_capacity;
    bool stopped;
} reader;

typedef struct opcode {
    redux_status (*run)(reader *r, const operand *o, int detail);
    argument argument;
    int detail; /* of `run` */
} opcode;

static redux_status damaged(const reader *r)
{
    return rdx_fail(REDUX_E_FORMAT, "%s: its pickle is damaged at byte %lld", r->label,
                    (long long)(r->at - r->begin));
}

/* ---- values, the stack and the memo ---- */

static redux_status push(reader *r, int32_t value)
{
    void *block = r->stack;
    RDX_TRY(rdx_grow(r->context, &block, &r->stack_capacity, r->stack_count, r->stack_count + 1,
                     sizeof *r->stack));
    r->stack = block;
    r->stack[r->stack_count++] = value;
    return REDUX_OK;
}

static redux_status pop(int32_t *out, reader *r)
{
    if (r->stack_count == 0 || r->stack[r->stack_count - 1] == MARK)
        return damaged(r);
    *out = r->stack[--r->stack_count];
    return REDUX_OK;
}

static redux_status make(int32_t *out, reader *r, rdx_pickle_kind kind)
{
    rdx_pickle *p = r->pickle;
    void *block = p->values;
    if (p->value_count >= VALUES_MAX)
        return rdx_fail(REDUX_E_LIMIT, "%s: its pickle has more than %d values", r->label,
                        VALUES_MAX);
    RDX_TRY(rdx_grow(r->context, &block, &p->value_capacity, p->value_count, p->value_count + 1,
                     sizeof *p->values));
    p->values = block;
    p->values[p->value_count] = (rdx_pickle_value){.kind = kind, .first = -1, .last = -1};
    *out = (int32_t)p->value_count++;
    return REDUX_OK;
}

static redux_status add_item(reader *r, int32_t container, int32_t item)
{
    rdx_pickle *p = r->pickle;
    void *block = p->items;
    if (p->item_count >= VALUES_MAX)
        return rdx_fail(REDUX_E_LIMIT, "%s: its pickle has more than %d values", r->label,
                        VALUES_MAX);
    RDX_TRY(rdx_grow(r->context, &block, &p->item_capacity, p->item_count, p->item_count + 1,
                     sizeof *p->items));
    p->items = block;
    const int32_t cell = (int32_t)p->item_count++;
    p->items[cell] = (rdx_pickle_item){item, -1};
    rdx_pickle_value *value = &p->values[container];
    if (value->last >= 0)
        p->items[value->last].next = cell;
    else
        value->first = cell;
    value->last = cell;
    value->count++;
    return REDUX_OK;
}

/* The place in the stack of the topmost mark. */
static redux_status find_mark(int64_t *out, const reader *r)
{
    int64_t at = r->stack_count - 1;
    while (at >= 0 && r->stack[at] != MARK)
        at--;
    *out = at;
    return at >= 0 ? REDUX_OK : damaged(r);
}

static redux_status remember(reader *r, uint64_t number, int32_t value)
{
    void *block = r->memo;
    if (number >= VALUES_MAX)
        return damaged(r);
    RDX_TRY(rdx_grow(r->context, &block, &r->memo_capacity, r->memo_count, (int64_t)number + 1,
                     sizeof *r->memo));
    r->memo = block;
    while (r->memo_count <= (int64_t)number)
        r->memo[r->memo_count++] = UNSET;
    r->memo[number] = value;
    return REDUX_OK;
}

/* ---- opcodes: each gets its operand, and the detail of the table below ---- */

static redux_status run_value(reader *r, const operand *o, int kind)
{
    int32_t value;
    (void)o;
    RDX_TRY(make(&value, r, (rdx_pickle_kind)kind));
    return push(r, value);
}

static redux_status push_integer(reader *r, rdx_pickle_kind kind, int64_t integer)
{
    int32_t value;
    RDX_TRY(make(&value, r, kind));
    r->pickle->values[value].as.integer = integer;
    return push(r, value);
}

static redux_status run_bool(reader *r, const operand *o, int truth)
{
    (void)o;
    return push_integer(r, RDX_PICKLE_BOOL, truth);
}

/* BININT is signed; the shorter ones are not. */
static redux_status run_integer(reader *r, const operand *o, int is_signed)
{
    return push_integer(r, RDX_PICKLE_INTEGER,
                        is_signed != 0 ? (int64_t)(int32_t)(uint32_t)o->number
                                       : (int64_t)o->number);
}

/* Two's complement, little-endian, of any length. */
static redux_status run_long(reader *r, const operand *o, int detail)
{
    uint64_t bits = o->length > 0 && (o->text[o->length - 1] & 128) != 0 ? UINT64_MAX : 0;
    if (o->length > 8)
        return run_value(r, o, RDX_PICKLE_OTHER);
    (void)detail;
    for (uint64_t i = o->length; i-- > 0;)
        bits = bits << 8 | o->text[i];
    int64_t integer;
    memcpy(&integer, &bits, sizeof integer);
    return push_integer(r, RDX_PICKLE_INTEGER, integer);
}

/* Decimal digits, with an L behind them or not; false: not a number of 18 digits at most. */
static bool read_decimal(int64_t *out, const unsigned char *text, uint64_t length)
{
    const bool negative = length > 0 && text[0] == '-';
    int64_t value = 0;
    uint64_t i = negative ? 1 : 0;
    const uint64_t end = length > 0 && text[length - 1] == 'L' ? length - 1 : length;
    if (i >= end || end - i > 18)
        return false;
    for (; i < end; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        value = 10 * value + (text[i] - '0');
    }
    *out = negative ? -value : value;
    return true;
}

static redux_status run_decimal(reader *r, const operand *o, int detail)
{
    int64_t integer;
    (void)detail;
    return read_decimal(&integer, o->text, o->length) ? push_integer(r, RDX_PICKLE_INTEGER, integer)
                                                      : run_value(r, o, RDX_PICKLE_OTHER);
}

/* `margin` bytes on each side are quotes. */
static redux_status run_text(reader *r, const operand *o, int margin)
{
    int32_t value;
    const uint64_t quotes = 2 * (uint64_t)margin;
    if (o->length < quotes || o->length > INT32_MAX)
        return damaged(r);
    RDX_TRY(make(&value, r, RDX_PICKLE_TEXT));
    r->pickle->values[value].as.text = o->text + margin;
    r->pickle->values[value].count = (int32_t)(o->length - quotes);
    return push(r, value);
}

static redux_status run_mark(reader *r, const operand *o, int detail)
{
    (void)o;
    (void)detail;
    return push(r, MARK);
}

/* POP takes a mark as well. */
static redux_status run_pop(reader *r, const operand *o, int detail)
{
    (void)o;
    (void)detail;
    if (r->stack_count == 0)
        return damaged(r);
    r->stack_count--;
    return REDUX_OK;
}

static redux_status run_pop_mark(reader *r, const operand *o, int detail)
{
    (void)o;
    (void)detail;
    return find_mark(&r->stack_count, r);
}

static redux_status run_duplicate(reader *r, const operand *o, int detail)
{
    (void)o;
    (void)detail;
    return r->stack_count > 0 ? push(r, r->stack[r->stack_count - 1]) : damaged(r);
}

/* A new container of the stack's values from `from` on, which replaces them and what lies between
 * `keep` and them. */
static redux_status collect(reader *r, int kind, int64_t from, int64_t keep)
{
    int32_t container;
    RDX_TRY(make(&container, r, (rdx_pickle_kind)kind));
    for (int64_t i = from; i < r->stack_count; i++) {
        if (r->stack[i] == MARK)
            return damaged(r);
        RDX_TRY(add_item(r, container, r->stack[i]));
    }
    r->stack_count = keep;
    return push(r, container);
}

static redux_status run_collect(reader *r, const operand *o, int kind)
{
    int64_t mark;
    (void)o;
    RDX_TRY(find_mark(&mark, r));
    return collect(r, kind, mark + 1, mark);
}

static redux_status run_tuple(reader *r, const operand *o, int count)
{
    (void)o;
    if (r->stack_count < count)
        return damaged(r);
    return collect(r, RDX_PICKLE_TUPLE, r->stack_count - count, r->stack_count - count);
}

/* The stack's values from `from` on become items of the one below `keep`. */
static redux_status fill(reader *r, int64_t from, int64_t keep)
{
    if (keep < 1 || r->stack[keep - 1] == MARK)
        return damaged(r);
    const int32_t container = r->stack[keep - 1];
    const rdx_pickle_kind kind = r->pickle->values[container].kind;
    if (kind != RDX_PICKLE_LIST && kind != RDX_PICKLE_DICT && kind != RDX_PICKLE_CALL)
        return damaged(r);
    for (int64_t i = from; i < r->stack_count; i++) {
        if (r->stack[i] == MARK)
            return damaged(r);
        RDX_TRY(add_item(r, container, r->stack[i]));
    }
    r->stack_count = keep;
    return REDUX_OK;
}

static redux_status run_fill_from_mark(reader *r, const operand *o, int detail)
{
    int64_t mark;
    (void)o;
    (void)detail;
    RDX_TRY(find_mark(&mark, r));
    return fill(r, mark + 1, mark);
}

static redux_status run_fill(reader *r, const operand *o, int count)
{
    (void)o;
    return r->stack_count < count ? damaged(r)
                                  : fill(r, r->stack_count - count, r->stack_count - count);
}

static redux_status run_global(reader *r, const operand *o, int detail)
{
    const operand second = {.text = o->second, .length = o->second_length};
    RDX_TRY(run_text(r, o, 0));
    RDX_TRY(run_text(r, &second, 0));
    (void)detail;
    return collect(r, RDX_PICKLE_GLOBAL, r->stack_count - 2, r->stack_count - 2);
}

static redux_status run_stack_global(reader *r, const operand *o, int detail)
{
    (void)o;
    (void)detail;
    for (int64_t i = r->stack_count - 2; i < r->stack_count; i++)
        if (i < 0 || r->stack[i] == MARK || r->pickle->values[r->stack[i]].kind != RDX_PICKLE_TEXT)
            return damaged(r);
    return collect(r, RDX_PICKLE_GLOBAL, r->stack_count - 2, r->stack_count - 2);
}

static redux_status push_call(reader *r, int32_t callee, int32_t arguments)
{
    int32_t value;
    RDX_TRY(make(&value, r, RDX_PICKLE_CALL));
    r->pickle->values[value].as.call.callee = callee;
    r->pickle->values[value].as.call.arguments = arguments;
    return push(r, value);
}

/* `count` values: the callee, its arguments and, of NEWOBJ_EX, those by keyword, which are dropped.
 */
static redux_status run_call(reader *r, const operand *o, int count)
{
    int32_t callee, arguments, keywords;
    (void)o;
    if (count == 3)
        RDX_TRY(pop(&keywords, r));
    RDX_TRY(pop(&arguments, r));
    RDX_TRY(pop(&callee, r));
    return push_call(r, callee, arguments);
}

/* OBJ: mark, class, arguments. INST: the class by name, mark, arguments. */
static redux_status run_object(reader *r, const operand *o, int by_name)
{
    int32_t callee = -1, arguments;
    int64_t mark;
    RDX_TRY(find_mark(&mark, r));
    const int64_t from = by_name != 0 ? mark + 1 : mark + 2;
    if (from > r->stack_count)
        return damaged(r);
    if (by_name == 0)
        callee = r->stack[mark + 1];
    RDX_TRY(collect(r, RDX_PICKLE_TUPLE, from, mark));
    RDX_TRY(pop(&arguments, r));
    if (by_name != 0) {
        RDX_TRY(run_global(r, o, 0));
        RDX_TRY(pop(&callee, r));
    }
    return push_call(r, callee, arguments);
}

/* The state that an object would be given. */
static redux_status run_build(reader *r, const operand *o, int detail)
{
    int32_t state;
    (void)o;
    (void)detail;
    return pop(&state, r);
}

static redux_status run_persistent(reader *r, const operand *o, int detail)
{
    (void)o;
    (void)detail;
    if (r->stack_count < 1)
        return damaged(r);
    return collect(r, RDX_PICKLE_PERSISTENT, r->stack_count - 1, r->stack_count - 1);
}

static redux_status run_get(reader *r, const operand *o, int is_text)
{
    int64_t number = (int64_t)o->number;
    if (is_text != 0 && !read_decimal(&number, o->text, o->length))
        return damaged(r);
    if (number < 0 || number >= r->memo_count || r->memo[number] == UNSET)
        return damaged(r);
    return push(r, r->memo[number]);
}

static redux_status run_put(reader *r, const operand *o, int is_text)
{
    int64_t number = (int64_t)o->number;
    if (is_text != 0 && !read_decimal(&number, o->text, o->length))
        return damaged(r);
    if (number < 0 || r->stack_count == 0 || r->stack[r->stack_count - 1] == MARK)
        return damaged(r);
    return remember(r, (uint64_t)number, r->stack[r->stack_count - 1]);
}

static redux_status run_memoize(reader *r, const operand *o, int detail)
{
    const operand next = {.number = (uint64_t)r->memo_count};
    (void)o;
    (void)detail;
    return run_put(r, &next, 0);
}

static redux_status run_nothing(reader *r, const operand *o, int detail)
{
    (void)r;
    (void)o;
    (void)detail;
    return REDUX_OK;
}

static redux_status run_stop(reader *r, const operand *o, int detail)
{
    (void)o;
    (void)detail;
    r->stopped = true;
    return pop(&r->pickle->root, r);
}

static const opcode opcodes[256] = {
    /* frame */
    [0x80] = {run_nothing, BYTES_1, 0}, /* PROTO */
    [0x95] = {run_nothing, BYTES_8, 0}, /* FRAME */
    ['.'] = {run_stop, NO_ARGUMENT, 0}, /* STOP */
    /* numbers and such */
    ['N'] = {run_value, NO_ARGUMENT, RDX_PICKLE_OTHER}, /* NONE */
    [0x88] = {run_bool, NO_ARGUMENT, 1},                /* NEWTRUE */
    [0x89] = {run_bool, NO_ARGUMENT, 0},                /* NEWFALSE */
    ['I'] = {run_decimal, LINE, 0},                     /* INT */
    ['L'] = {run_decimal, LINE, 0},                     /* LONG */
    ['J'] = {run_integer, BYTES_4, 1},                  /* BININT */
    ['K'] = {run_integer, BYTES_1, 0},                  /* BININT1 */
    ['M'] = {run_integer, BYTES_2, 0},                  /* BININT2 */
    [0x8a] = {run_long, COUNTED_1, 0},                  /* LONG1 */
    [0x8b] = {run_long, COUNTED_4, 0},                  /* LONG4 */
    ['F'] = {run_value, LINE, RDX_PICKLE_OTHER},        /* FLOAT */
    ['G'] = {run_value, BYTES_8, RDX_PICKLE_OTHER},     /* BINFLOAT */
    /* text and bytes */
    ['S'] = {run_text, LINE, 1},                         /* STRING, in quotes */
    ['V'] = {run_text, LINE, 0},                         /* UNICODE */
    ['T'] = {run_text, COUNTED_4, 0},                    /* BINSTRING */
    ['U'] = {run_text, COUNTED_1, 0},                    /* SHORT_BINSTRING */
    ['X'] = {run_text, COUNTED_4, 0},                    /* BINUNICODE */
    [0x8c] = {run_text, COUNTED_1, 0},                   /* SHORT_BINUNICODE */
    [0x8d] = {run_text, COUNTED_8, 0},                   /* BINUNICODE8 */
    ['B'] = {run_text, COUNTED_4, 0},                    /* BINBYTES */
    ['C'] = {run_text, COUNTED_1, 0},                    /* SHORT_BINBYTES */
    [0x8e] = {run_text, COUNTED_8, 0},                   /* BINBYTES8 */
    [0x96] = {run_text, COUNTED_8, 0},                   /* BYTEARRAY8 */
    [0x97] = {run_value, NO_ARGUMENT, RDX_PICKLE_OTHER}, /* NEXT_BUFFER */
    [0x98] = {run_nothing, NO_ARGUMENT, 0},              /* READONLY_BUFFER */
    /* containers */
    [')'] = {run_value, NO_ARGUMENT, RDX_PICKLE_TUPLE},   /* EMPTY_TUPLE */
    ['t'] = {run_collect, NO_ARGUMENT, RDX_PICKLE_TUPLE}, /* TUPLE */
    [0x85] = {run_tuple, NO_ARGUMENT, 1},                 /* TUPLE1 */
    [0x86] = {run_tuple, NO_ARGUMENT, 2},                 /* TUPLE2 */
    [0x87] = {run_tuple, NO_ARGUMENT, 3},                 /* TUPLE3 */
    [']'] = {run_value, NO_ARGUMENT, RDX_PICKLE_LIST},    /* EMPTY_LIST */
    ['l'] = {run_collect, NO_ARGUMENT, RDX_PICKLE_LIST},  /* LIST */
    ['a'] = {run_fill, NO_ARGUMENT, 1},                   /* APPEND */
    ['e'] = {run_fill_from_mark, NO_ARGUMENT, 0},         /* APPENDS */
    ['}'] = {run_value, NO_ARGUMENT, RDX_PICKLE_DICT},    /* EMPTY_DICT */
    ['d'] = {run_collect, NO_ARGUMENT, RDX_PICKLE_DICT},  /* DICT */
    ['s'] = {run_fill, NO_ARGUMENT, 2},                   /* SETITEM */
    ['u'] = {run_fill_from_mark, NO_ARGUMENT, 0},         /* SETITEMS */
    [0x8f] = {run_value, NO_ARGUMENT, RDX_PICKLE_LIST},   /* EMPTY_SET */
    [0x90] = {run_fill_from_mark, NO_ARGUMENT, 0},        /* ADDITEMS */
    [0x91] = {run_collect, NO_ARGUMENT, RDX_PICKLE_LIST}, /* FROZENSET */
    /* the stack and the memo */
    ['('] = {run_mark, NO_ARGUMENT, 0},      /* MARK */
    ['0'] = {run_pop, NO_ARGUMENT, 0},       /* POP */
    ['1'] = {run_pop_mark, NO_ARGUMENT, 0},  /* POP_MARK */
    ['2'] = {run_duplicate, NO_ARGUMENT, 0}, /* DUP */
    ['g'] = {run_get, LINE, 1},              /* GET */
    ['h'] = {run_get, BYTES_1, 0},           /* BINGET */
    ['j'] = {run_get, BYTES_4, 0},           /* LONG_BINGET */
    ['p'] = {run_put, LINE, 1},              /* PUT */
    ['q'] = {run_put, BYTES_1, 0},           /* BINPUT */
    ['r'] = {run_put, BYTES_4, 0},           /* LONG_BINPUT */
    [0x94] = {run_memoize, NO_ARGUMENT, 0},  /* MEMOIZE */
    /* what Python would import, call and build */
    ['c'] = {run_global, TWO_LINES, 0},              /* GLOBAL */
    [0x93] = {run_stack_global, NO_ARGUMENT, 0},     /* STACK_GLOBAL */
    [0x82] = {run_value, BYTES_1, RDX_PICKLE_OTHER}, /* EXT1 */
    [0x83] = {run_value, BYTES_2, RDX_PICKLE_OTHER}, /* EXT2 */
    [0x84] = {run_value, BYTES_4, RDX_PICKLE_OTHER}, /* EXT4 */
    ['R'] = {run_call, NO_ARGUMENT, 2},              /* REDUCE */
    [0x81] = {run_call, NO_ARGUMENT, 2},             /* NEWOBJ */
    [0x92] = {run_call, NO_ARGUMENT, 3},             /* NEWOBJ_EX */
    ['i'] = {run_object, TWO_LINES, 1},              /* INST */
    ['o'] = {run_object, NO_ARGUMENT, 0},            /* OBJ */
    ['b'] = {run_build, NO_ARGUMENT, 0},             /* BUILD */
    ['P'] = {run_value, LINE, RDX_PICKLE_OTHER},     /* PERSID */
    ['Q'] = {run_persistent, NO_ARGUMENT, 0},        /* BINPERSID */
};

/* ---- operands ---- */

static redux_status read_number(uint64_t *out, reader *r, int bytes)
{
    if (r->end - r->at < bytes)
        return damaged(r);
    *out = 0;
    for (int i = bytes; i-- > 0;)
        *out = *out << 8 | r->at[i];
    r->at += bytes;
    return REDUX_OK;
}

static redux_status read_counted(operand *o, reader *r, int bytes)
{
    RDX_TRY(read_number(&o->length, r, bytes));
    if (o->length > (uint64_t)(r->end - r->at))
        return damaged(r);
    o->text = r->at;
    r->at += o->length;
    return REDUX_OK;
}

static redux_status read_line(const unsigned char **text, uint64_t *length, reader *r)
{
    const unsigned char *end = memchr(r->at, '\n', (size_t)(r->end - r->at));
    if (end == NULL)
        return damaged(r);
    *text = r->at;
    *length = (uint64_t)(end - r->at);
    r->at = end + 1;
    return REDUX_OK;
}

static redux_status read_operand(operand *o, reader *r, argument kind)
{
    static const int widths[] = {[BYTES_1] = 1,   [BYTES_2] = 2,   [BYTES_4] = 4,  [BYTES_8] = 8,
                                 [COUNTED_1] = 1, [COUNTED_4] = 4, [COUNTED_8] = 8};
    if (kind == NO_ARGUMENT)
        return REDUX_OK;
    if (kind < COUNTED_1)
        return read_number(&o->number, r, widths[kind]);
    if (kind < LINE)
        return read_counted(o, r, widths[kind]);
    RDX_TRY(read_line(&o->text, &o->length, r));
    return kind == LINE ? REDUX_OK : read_line(&o->second, &o->second_length, r);
}

static redux_status read_all(reader *r)
{
    while (!r->stopped) {
        operand o = {0};
        if (r->at >= r->end)
            return damaged(r);
        const opcode *code = &opcodes[*r->at];
        if (code->run == NULL)
            return damaged(r);
        r->at++;
        RDX_TRY(read_operand(&o, r, code->argument));
        RDX_TRY(code->run(r, &o, code->detail));
    }
    return REDUX_OK;
}

redux_status rdx_pickle_parse(rdx_pickle *out, redux_context *context, const unsigned char *bytes,
                              size_t size, const char *label)
{
    reader r = {.pickle = out,
                .context = context,
                .label = label,
                .begin = bytes,
                .at = bytes,
                .end = bytes + size};
    *out = (rdx_pickle){.root = -1};
    const redux_status status = read_all(&r);
    rdx_free(r.stack);
    rdx_free(r.memo);
    return status;
}

void rdx_pickle_free(rdx_pickle *pickle)
{
    rdx_free(pickle->values);
    rdx_free(pickle->items);
    *pickle = (rdx_pickle){.root = -1};
}

/* ---- looking at values ---- */

const rdx_pickle_value *rdx_pickle_at(const rdx_pickle *pickle, int32_t value)
{
    static const rdx_pickle_value other = {.kind = RDX_PICKLE_OTHER, .first = -1, .last = -1};
    return value < 0 ? &other : &pickle->values[value];
}

int32_t rdx_pickle_item_of(const rdx_pickle *pickle, int32_t value, int index)
{
    int32_t cell = rdx_pickle_at(pickle, value)->first;
    for (; cell >= 0 && index > 0; index--)
        cell = pickle->items[cell].next;
    return cell < 0 ? -1 : pickle->items[cell].value;
}

bool rdx_pickle_is_text(const rdx_pickle *pickle, int32_t value, const char *text)
{
    const rdx_pickle_value *v = rdx_pickle_at(pickle, value);
    return v->kind == RDX_PICKLE_TEXT && (size_t)v->count == strlen(text) &&
           memcmp(v->as.text, text, (size_t)v->count) == 0;
}

bool rdx_pickle_is_global(const rdx_pickle *pickle, int32_t value, const char *module,
                          const char *name)
{
    return rdx_pickle_at(pickle, value)->kind == RDX_PICKLE_GLOBAL &&
           rdx_pickle_is_text(pickle, rdx_pickle_item_of(pickle, value, 0), module) &&
           rdx_pickle_is_text(pickle, rdx_pickle_item_of(pickle, value, 1), name);
}

void rdx_pickle_describe(char *text, size_t size, const rdx_pickle *pickle, int32_t value)
{
    const rdx_pickle_value *v = rdx_pickle_at(pickle, value);
    size_t used = 0;
    if (v->kind == RDX_PICKLE_CALL)
        value = v->as.call.callee;
    if (rdx_pickle_at(pickle, value)->kind == RDX_PICKLE_GLOBAL)
        for (int part = 0; part < 2; part++) {
            v = rdx_pickle_at(pickle, rdx_pickle_item_of(pickle, value, part));
            for (int32_t i = 0; i < v->count && used + 2 < size; i++) {
                const unsigned char byte = v->as.text[i];
                text[used++] = byte > ' ' && byte < 127 ? (char)byte : '?';
            }
            if (part == 0 && used + 2 < size)
                text[used++] = '.';
        }
    text[used] = '\0';
    if (used == 0)
        snprintf(text, size, "object");
}
