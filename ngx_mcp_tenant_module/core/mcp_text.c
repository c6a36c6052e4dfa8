/*
 * Forms of text that the files may hold.
 */

#include "mcp_text.h"
#include "mcp_key.h"

#include <stdio.h>
#include <string.h>


#define MCP_TEXT_QUOTED_MAX     64
#define MCP_TEXT_NEAR_MAX       32
#define MCP_TEXT_VARIABLE_MAX   128
#define MCP_TEXT_IMAGE_MAX      512
#define MCP_TEXT_QUANTITY_MAX   32
#define MCP_TEXT_DURATION_MAX   (30 * 86400)


static bool mcp_text_is_lower(unsigned char c);
static bool mcp_text_is_digit(unsigned char c);
static bool mcp_text_is_alnum(unsigned char c);
static bool mcp_text_digits(const char **p, const char *end, int count,
    int *ret_value);
static bool mcp_text_clock(const char **p, const char *end,
    int64_t *ret_seconds);
static bool mcp_text_zone(const char *p, const char *end,
    int64_t *ret_seconds);
static int64_t mcp_text_days(int year, int month, int day);
static int mcp_text_month_days(int year, int month);
static unsigned mcp_text_distance(const char *one, size_t one_len,
    const char *two, size_t two_len);


static bool
mcp_text_is_lower(unsigned char c)
{
    return c >= 'a' && c <= 'z';
}


static bool
mcp_text_is_digit(unsigned char c)
{
    return c >= '0' && c <= '9';
}


static bool
mcp_text_is_alnum(unsigned char c)
{
    return mcp_text_is_lower(c | 0x20) || mcp_text_is_digit(c);
}


bool
mcp_text_is_label(const mcp_str_t *text)
{
    size_t         i;
    unsigned char  c;

    if (text->len == 0 || text->len > 63) {
        return false;
    }

    for (i = 0; i < text->len; i++) {
        c = (unsigned char) text->data[i];

        if (mcp_text_is_lower(c) || mcp_text_is_digit(c)) {
            continue;
        }

        if (c != '-' || i == 0 || i == text->len - 1) {
            return false;
        }
    }

    return true;
}


bool
mcp_text_is_subdomain(const mcp_str_t *text)
{
    size_t     start, i;
    mcp_str_t  label;

    start = 0;

    for (i = 0; i <= text->len; i++) {

        if (i < text->len && text->data[i] != '.') {
            continue;
        }

        label.data = text->data + start;
        label.len = i - start;

        if (!mcp_text_is_label(&label)) {
            return false;
        }

        start = i + 1;
    }

    return text->len <= 253;
}


bool
mcp_text_is_word(const mcp_str_t *text, const char *others, size_t max)
{
    size_t         i;
    unsigned char  c;

    if (text->len == 0 || text->len > max) {
        return false;
    }

    for (i = 0; i < text->len; i++) {
        c = (unsigned char) text->data[i];

        if (!mcp_text_is_alnum(c) && (c == '\0' || !strchr(others, c))) {
            return false;
        }
    }

    return true;
}


bool
mcp_text_is_variable(const mcp_str_t *text)
{
    return mcp_text_is_word(text, "_", MCP_TEXT_VARIABLE_MAX)
           && !mcp_text_is_digit((unsigned char) text->data[0]);
}


bool
mcp_text_is_token(const mcp_str_t *text)
{
    return mcp_text_is_word(text, "!#$%&'*+-.^_`|~", SIZE_MAX);
}


bool
mcp_text_is_visible(const mcp_str_t *text)
{
    size_t         i;
    unsigned char  c;

    for (i = 0; i < text->len; i++) {
        c = (unsigned char) text->data[i];

        if (c <= ' ' || c >= 0x7f) {
            return false;
        }
    }

    return text->len > 0;
}


bool
mcp_text_is_printable(const mcp_str_t *text, bool lines)
{
    size_t         i;
    unsigned char  c, before;

    before = 0;

    for (i = 0; i < text->len; i++) {
        c = (unsigned char) text->data[i];

        if (c < ' ' && !(lines && (c == '\n' || c == '\t'))) {
            return false;
        }

        if (c == 0x7f || (before == 0xc2 && c < 0xa0)) {
            return false;
        }

        before = c;
    }

    return true;
}


bool
mcp_text_equals(const mcp_str_t *text, const char *other)
{
    return strlen(other) == text->len
           && memcmp(text->data, other, text->len) == 0;
}


bool
mcp_text_timestamp(const mcp_str_t *text, int64_t *ret_seconds)
{
    int          year, month, day;
    int64_t      seconds, clock, offset;
    const char  *p, *end;

    p = text->data;
    end = p + text->len;
    clock = 0;
    offset = 0;

    if (!mcp_text_digits(&p, end, 4, &year) || p == end || *p++ != '-'
        || !mcp_text_digits(&p, end, 2, &month) || p == end || *p++ != '-'
        || !mcp_text_digits(&p, end, 2, &day))
    {
        return false;
    }

    if (month < 1 || month > 12 || day < 1
        || day > mcp_text_month_days(year, month))
    {
        return false;
    }

    if (p != end) {
        if (*p != 'T' && *p != 't') {
            return false;
        }

        p++;

        if (!mcp_text_clock(&p, end, &clock)
            || !mcp_text_zone(p, end, &offset))
        {
            return false;
        }
    }

    seconds = mcp_text_days(year, month, day) * 86400 + clock - offset;

    /* 0 means "none" in the model */

    if (seconds <= 0) {
        return false;
    }

    *ret_seconds = seconds;

    return true;
}


static bool
mcp_text_digits(const char **p, const char *end, int count, int *ret_value)
{
    int  value;

    value = 0;

    while (count--) {
        if (*p == end || !mcp_text_is_digit((unsigned char) **p)) {
            return false;
        }

        value = value * 10 + (*(*p)++ - '0');
    }

    *ret_value = value;

    return true;
}


/* hh:mm:ss with a fraction or without; a leap second counts as the next */
static bool
mcp_text_clock(const char **p, const char *end, int64_t *ret_seconds)
{
    int          hour, minute, second;
    const char  *fraction;

    if (!mcp_text_digits(p, end, 2, &hour) || *p == end || *(*p)++ != ':'
        || !mcp_text_digits(p, end, 2, &minute) || *p == end
        || *(*p)++ != ':' || !mcp_text_digits(p, end, 2, &second)
        || hour > 23 || minute > 59 || second > 60)
    {
        return false;
    }

    if (*p != end && **p == '.') {
        fraction = ++*p;

        while (*p != end && mcp_text_is_digit((unsigned char) **p)) {
            ++*p;
        }

        if (*p == fraction) {
            return false;
        }
    }

    *ret_seconds = hour * 3600 + minute * 60 + second;

    return true;
}


static bool
mcp_text_zone(const char *p, const char *end, int64_t *ret_seconds)
{
    int   hour, minute;
    char  sign;

    if (p == end) {
        return false;
    }

    sign = *p++;

    if (sign == 'Z' || sign == 'z') {
        *ret_seconds = 0;
        return p == end;
    }

    if ((sign != '+' && sign != '-')
        || !mcp_text_digits(&p, end, 2, &hour) || p == end || *p++ != ':'
        || !mcp_text_digits(&p, end, 2, &minute) || p != end
        || hour > 23 || minute > 59)
    {
        return false;
    }

    *ret_seconds = hour * 3600 + minute * 60;

    if (sign == '-') {
        *ret_seconds = -*ret_seconds;
    }

    return true;
}


/* days from 1970-01-01; a year counts from March, so that its leap is last */
static int64_t
mcp_text_days(int year, int month, int day)
{
    int64_t  y, m;

    y = month > 2 ? year : year - 1;
    m = month > 2 ? month - 3 : month + 9;

    return y * 365 + y / 4 - y / 100 + y / 400 + (m * 153 + 2) / 5 + day
           - 719469;
}


static int
mcp_text_month_days(int year, int month)
{
    static const int  days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30,
                                 31 };

    if (month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)) {
        return 29;
    }

    return days[month - 1];
}


bool
mcp_text_duration(const mcp_str_t *text, uint32_t *ret_seconds)
{
    size_t    i;
    uint64_t  value;

    if (text->len < 2 || text->len > 10 || text->data[0] == '0') {
        return false;
    }

    value = 0;

    for (i = 0; i < text->len - 1; i++) {
        if (!mcp_text_is_digit((unsigned char) text->data[i])) {
            return false;
        }

        value = value * 10 + (uint64_t) (text->data[i] - '0');
    }

    switch (text->data[i]) {

    case 's':
        break;

    case 'm':
        value *= 60;
        break;

    case 'h':
        value *= 3600;
        break;

    default:
        return false;
    }

    if (value > MCP_TEXT_DURATION_MAX) {
        return false;
    }

    *ret_seconds = (uint32_t) value;

    return true;
}


bool
mcp_text_is_quantity(const mcp_str_t *text)
{
    int          digits, points;
    mcp_str_t    unit;
    const char  *p, *end;

    static const char *const  units[] = {
        "", "n", "u", "m", "k", "M", "G", "T", "P", "E",
        "Ki", "Mi", "Gi", "Ti", "Pi", "Ei", NULL
    };
    const char *const        *u;

    if (text->len == 0 || text->len > MCP_TEXT_QUANTITY_MAX) {
        return false;
    }

    digits = 0;
    points = 0;
    end = text->data + text->len;

    for (p = text->data; p != end; p++) {
        if (mcp_text_is_digit((unsigned char) *p)) {
            digits++;

        } else if (*p == '.' && points++ == 0) {
            continue;

        } else {
            break;
        }
    }

    if (digits == 0) {
        return false;
    }

    unit.data = p;
    unit.len = (size_t) (end - p);

    for (u = units; *u; u++) {
        if (mcp_text_equals(&unit, *u)) {
            return true;
        }
    }

    if (*p != 'e' && *p != 'E') {
        return false;
    }

    p++;

    if (p != end && (*p == '+' || *p == '-')) {
        p++;
    }

    unit.data = p;
    unit.len = (size_t) (end - p);

    return unit.len <= 2 && unit.len > 0
           && mcp_text_is_digit((unsigned char) p[0])
           && mcp_text_is_digit((unsigned char) p[unit.len - 1]);
}


bool
mcp_text_is_image(const mcp_str_t *text)
{
    size_t  i;

    if (!mcp_text_is_word(text, "._:/@-", MCP_TEXT_IMAGE_MAX)
        || !mcp_text_is_alnum((unsigned char) text->data[0])
        || !mcp_text_is_alnum((unsigned char) text->data[text->len - 1]))
    {
        return false;
    }

    /* "//" is of a URL, ":/" and the like of a part left empty */

    for (i = 1; i < text->len; i++) {
        if (strchr(":/@", text->data[i]) && strchr(":/@", text->data[i - 1]))
        {
            return false;
        }
    }

    return true;
}


bool
mcp_text_is_near(const mcp_str_t *text, const char *word)
{
    size_t    len;
    unsigned  distance;

    len = strlen(word);

    if (text->len > MCP_TEXT_NEAR_MAX || len > MCP_TEXT_NEAR_MAX) {
        return false;
    }

    distance = mcp_text_distance(text->data, text->len, word, len);

    return distance <= 2 && distance * 2 < len;
}


/* Levenshtein's, with the case of letters ignored */
static unsigned
mcp_text_distance(const char *one, size_t one_len, const char *two,
    size_t two_len)
{
    size_t    i, j;
    unsigned  row[MCP_TEXT_NEAR_MAX + 1], diagonal, above, best;

    for (j = 0; j <= two_len; j++) {
        row[j] = (unsigned) j;
    }

    for (i = 1; i <= one_len; i++) {
        diagonal = row[0];
        row[0] = (unsigned) i;

        for (j = 1; j <= two_len; j++) {
            above = row[j];

            best = diagonal + ((one[i - 1] | 0x20) != (two[j - 1] | 0x20));
            best = above + 1 < best ? above + 1 : best;
            best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;

            row[j] = best;
            diagonal = above;
        }
    }

    return row[two_len];
}


const char *
mcp_text_quote(const mcp_str_t *text, char buf[MCP_TEXT_QUOTE_LEN])
{
    char           *p;
    size_t          i;
    unsigned char   c, before, next;

    if (text->len > MCP_TEXT_QUOTED_MAX
        || memmem(text->data, text->len, MCP_KEY_PREFIX,
                  sizeof(MCP_KEY_PREFIX) - 1))
    {
        (void) snprintf(buf, MCP_TEXT_QUOTE_LEN, "a text of %zu characters",
                        text->len);
        return buf;
    }

    p = buf;
    *p++ = '"';
    before = 0;

    for (i = 0; i < text->len; i++) {
        c = (unsigned char) text->data[i];
        next = i + 1 < text->len ? (unsigned char) text->data[i + 1] : 0xff;

        /* both bytes of the control characters that have two in UTF-8 */

        if (c < ' ' || c == 0x7f || (c == 0xc2 && next < 0xa0)
            || (before == 0xc2 && c < 0xa0))
        {
            p += sprintf(p, "\\x%02x", c);

        } else {
            if (c == '"' || c == '\\') {
                *p++ = '\\';
            }

            *p++ = (char) c;
        }

        before = c;
    }

    *p++ = '"';
    *p = '\0';

    return buf;
}
