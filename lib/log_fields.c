/*
 * log_fields.c - see log_fields.h.
 */
#include "lib/log_fields.h"

#include "lib/text.h"

#include <ctype.h>
#include <string.h>

static const char separator[] = " | ";
static const char name_end[] = ": ";

enum {
    SEPARATOR_BYTES = sizeof separator - 1,
    NAME_END_BYTES = sizeof name_end - 1,
    NUMBER_BITS = 64,
    DIGITS_MAX = 64 /* of a number and its padding */
};

size_t log_fields_cut(const char *text, size_t bytes)
{
    size_t end = bytes;
    while (end > 0 && ((unsigned char)text[end] & 0xc0U) == 0x80) { /* a byte within a character */
        end--;
    }
    return end;
}

/* --------------------------------------------------------------- adding ---- */

/* Copies as much as there is room for, and returns where it stands; its end is fields->bytes. */
static char *append(struct log_fields *fields, const char *text, size_t bytes)
{
    char *at = fields->text + fields->bytes;
    size_t room = fields->is_cut ? 0 : sizeof fields->text - fields->bytes;
    size_t kept = bytes <= room ? bytes : log_fields_cut(text, room);
    fields->is_cut = fields->is_cut || kept < bytes;
    memcpy(at, text, kept);
    fields->bytes += kept;
    return at;
}

static void add_own(struct log_fields *fields, const char *text, size_t bytes)
{
    const char *at = append(fields, text, bytes);
    const char *end = fields->text + fields->bytes;
    while ((at = memmem(at, (size_t)(end - at), separator, SEPARATOR_BYTES)) != NULL) {
        fields->separators++;
        at += SEPARATOR_BYTES;
    }
}

static void add_value(struct log_fields *fields, const char *text, size_t bytes)
{
    char *at = append(fields, text, bytes);
    const char *end = fields->text + fields->bytes;
    text_make_clean(at, (size_t)(end - at));
    while ((at = memchr(at, '|', (size_t)(end - at))) != NULL) {
        *at = '?';
    }
}

/* ---------------------------------------------------------- conversions ---- */

/* A conversion of the format, taken apart (printf(3)). */
struct conversion {
    bool is_left, fills_zeros; /* flags `-` and `0` */
    size_t width;
    int precision; /* -1: none */
    enum { LENGTH_INT, LENGTH_LONG, LENGTH_LONG_LONG, LENGTH_SIZE, LENGTH_MAX } length;
    char kind;
};

/* What a conversion reads its arguments from; va_list may be an array, which can't be handed on. */
struct arguments {
    va_list list;
};

static const char *read_length(const char *at, struct conversion *conversion)
{
    switch (*at) {
    case 'h':
        return at + (at[1] == 'h' ? 2 : 1);
    case 'l':
        conversion->length = at[1] == 'l' ? LENGTH_LONG_LONG : LENGTH_LONG;
        return at + (at[1] == 'l' ? 2 : 1);
    case 'z':
        conversion->length = LENGTH_SIZE;
        return at + 1;
    case 'j':
        conversion->length = LENGTH_MAX;
        return at + 1;
    default:
        return at;
    }
}

/* Reads what stands behind `%`, and returns its end. */
static const char *read_conversion(const char *at, struct arguments *arguments,
                                   struct conversion *conversion)
{
    *conversion = (struct conversion){.precision = -1};
    for (; *at == '-' || *at == '0'; at++) {
        conversion->is_left = conversion->is_left || *at == '-';
        conversion->fills_zeros = conversion->fills_zeros || *at == '0';
    }
    for (; isdigit((unsigned char)*at); at++) {
        conversion->width = conversion->width * 10 + (size_t)(*at - '0');
    }
    if (at[0] == '.' && at[1] == '*') {
        conversion->precision = va_arg(arguments->list, int);
        at += 2;
    } else if (at[0] == '.') {
        conversion->precision = 0;
        for (at++; isdigit((unsigned char)*at); at++) {
            conversion->precision = conversion->precision * 10 + (*at - '0');
        }
    }
    at = read_length(at, conversion);
    conversion->kind = *at;
    return *at == '\0' ? at : at + 1;
}

static uint64_t take_unsigned(struct arguments *arguments, const struct conversion *conversion)
{
    switch (conversion->length) {
    case LENGTH_LONG:
        return va_arg(arguments->list, unsigned long);
    case LENGTH_LONG_LONG:
        return va_arg(arguments->list, unsigned long long);
    case LENGTH_SIZE:
        return (uint64_t)va_arg(arguments->list, size_t);
    case LENGTH_MAX:
        return va_arg(arguments->list, uintmax_t);
    case LENGTH_INT:
        break;
    }
    return va_arg(arguments->list, unsigned);
}

static int64_t take_signed(struct arguments *arguments, const struct conversion *conversion)
{
    return conversion->length == LENGTH_INT ? va_arg(arguments->list, int)
                                            : (int64_t)take_unsigned(arguments, conversion);
}

/* ---------------------------------------------------------------- values ---- */

static void add_number(struct log_fields *fields, const struct conversion *conversion,
                       uint64_t magnitude, bool is_negative)
{
    const unsigned base = tolower((unsigned char)conversion->kind) == 'x' ? 16 : 10;
    const char *digits = conversion->kind == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
    char text[DIGITS_MAX];
    size_t at = sizeof text;
    do {
        text[--at] = digits[magnitude % base];
        magnitude /= base;
    } while (magnitude > 0);
    while (at > 1 && sizeof text - at < conversion->width) {
        text[--at] = conversion->fills_zeros ? '0' : ' ';
    }
    if (is_negative) {
        text[--at] = '-';
    }
    if (sizeof text - at > sizeof fields->text - fields->bytes) {
        fields->is_cut = true; /* a part would be another number */
    } else {
        (void)append(fields, text + at, sizeof text - at);
    }
}

/* Notes that the number which comes next is all of a field's value, where it is. */
static void note_number(struct log_fields *fields, const struct conversion *conversion,
                        const char *rest)
{
    bool begins =
        fields->bytes >= NAME_END_BYTES &&
        memcmp(fields->text + fields->bytes - NAME_END_BYTES, name_end, NAME_END_BYTES) == 0;
    bool ends = *rest == '\0' || strncmp(rest, separator, SEPARATOR_BYTES) == 0;
    if (begins && ends && conversion->width == 0 && fields->separators < NUMBER_BITS) {
        fields->numbers |= UINT64_C(1) << fields->separators;
    }
}

/* True for an integer as JSON writes it. */
static bool is_integer(const char *text, size_t bytes)
{
    enum { EXACT_DIGITS = 15 }; /* of a double, which readers of JSON may have for it */
    for (size_t i = 0; i < bytes; i++) {
        if (!isdigit((unsigned char)text[i])) {
            return false;
        }
    }
    return bytes > 0 && bytes <= EXACT_DIGITS && (bytes == 1 || text[0] != '0');
}

/* The fields of a text of our own from this place on have their numbers as text. */
static void note_own_numbers(struct log_fields *fields, struct log_fields_place place)
{
    struct log_field field;
    while (log_fields_next(fields, fields->bytes, &place, &field)) {
        if (place.index <= NUMBER_BITS && is_integer(field.value, field.value_bytes)) {
            fields->numbers |= UINT64_C(1) << (place.index - 1);
        }
    }
}

static void add_text(struct log_fields *fields, const struct conversion *conversion,
                     const char *text)
{
    if (text == NULL) {
        text = "(null)";
    }
    size_t bytes =
        conversion->precision < 0 ? strlen(text) : strnlen(text, (size_t)conversion->precision);
    if (conversion->is_left) {
        struct log_fields_place place = {.at = fields->bytes + SEPARATOR_BYTES,
                                         .index = fields->separators + 1};
        size_t before = fields->bytes;
        add_own(fields, text, bytes);
        text_make_clean(fields->text + before, fields->bytes - before);
        note_own_numbers(fields, place);
    } else {
        add_value(fields, text, bytes);
    }
}

/* False where the conversion is none that is known: what its argument is, nobody knows either. */
static bool add_conversion(struct log_fields *fields, const struct conversion *conversion,
                           struct arguments *arguments, const char *rest)
{
    int64_t number = 0;
    char character = '\0';
    switch (conversion->kind) {
    case 's':
        add_text(fields, conversion, va_arg(arguments->list, const char *));
        return true;
    case 'c':
        character = (char)va_arg(arguments->list, int);
        add_value(fields, &character, 1);
        return true;
    case 'd':
    case 'i':
        note_number(fields, conversion, rest);
        number = take_signed(arguments, conversion);
        add_number(fields, conversion, number < 0 ? -(uint64_t)number : (uint64_t)number,
                   number < 0);
        return true;
    case 'u':
        note_number(fields, conversion, rest);
        add_number(fields, conversion, take_unsigned(arguments, conversion), false);
        return true;
    case 'x':
    case 'X':
        add_number(fields, conversion, take_unsigned(arguments, conversion), false);
        return true;
    case '%':
        add_value(fields, "%", 1);
        return true;
    default:
        return false;
    }
}

void log_fields_add_list(struct log_fields *fields, const char *format, va_list arguments)
{
    struct arguments copy;
    va_copy(copy.list, arguments);
    bool is_known = true;
    while (is_known && *format != '\0') {
        size_t own = strcspn(format, "%");
        add_own(fields, format, own);
        format += own;
        if (*format == '%') {
            struct conversion conversion;
            format = read_conversion(format + 1, &copy, &conversion);
            is_known = add_conversion(fields, &conversion, &copy, format);
        }
    }
    va_end(copy.list);
}

void log_fields_add(struct log_fields *fields, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    log_fields_add_list(fields, format, arguments);
    va_end(arguments);
}

/* --------------------------------------------------------------- reading ---- */

bool log_fields_next(const struct log_fields *fields, size_t bytes, struct log_fields_place *place,
                     struct log_field *field)
{
    if (place->at >= bytes) {
        return false;
    }
    const char *begin = fields->text + place->at;
    const char *end = memmem(begin, bytes - place->at, separator, SEPARATOR_BYTES);
    size_t length = end == NULL ? bytes - place->at : (size_t)(end - begin);
    const char *value = memmem(begin, length, name_end, NAME_END_BYTES);
    bool has_name = value != NULL;
    field->name = begin;
    field->name_bytes = has_name ? (size_t)(value - begin) : 0;
    field->value = has_name ? value + NAME_END_BYTES : begin;
    field->value_bytes = length - (size_t)(field->value - begin);
    /* a number that is cut short would be another one */
    field->is_number = has_name && place->index < NUMBER_BITS &&
                       (fields->numbers >> place->index & 1) != 0 &&
                       (end != NULL || bytes == fields->bytes);
    place->at += length + SEPARATOR_BYTES;
    place->index++;
    return true;
}

bool log_fields_have(const struct log_fields *fields, const char *name)
{
    struct log_fields_place place = {.at = 0};
    struct log_field field;
    size_t bytes = strlen(name);
    while (log_fields_next(fields, fields->bytes, &place, &field)) {
        if (field.name_bytes == bytes && memcmp(field.name, name, bytes) == 0) {
            return true;
        }
    }
    return false;
}
