/*
 * JSON as YAML for people.
 */

#include "yaml_out.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>


#define YAML_OUT_INDENT  2


static void yaml_out_value(FILE *out, const json_t *value, int indent,
    bool in_list);
static void yaml_out_object(FILE *out, const json_t *object, int indent,
    bool in_list);
static void yaml_out_list(FILE *out, const json_t *list, int indent,
    bool in_list);
static void yaml_out_scalar(FILE *out, const json_t *value);
static void yaml_out_text(FILE *out, const json_t *value);
static void yaml_out_quoted(FILE *out, const char *text);
static bool yaml_out_is_plain(const char *text);


void
yaml_out_document(FILE *out, const json_t *json)
{
    fprintf(out, "---\n");
    yaml_out_value(out, json, 0, true);
}


/* The cursor stands behind "key:", or, in_list, where the value may begin. */
static void
yaml_out_value(FILE *out, const json_t *value, int indent, bool in_list)
{
    if (json_is_object(value) && json_object_size(value)) {
        yaml_out_object(out, value, indent, in_list);

    } else if (json_is_array(value) && json_array_size(value)) {
        yaml_out_list(out, value, indent, in_list);

    } else {
        fprintf(out, in_list ? "" : " ");
        yaml_out_scalar(out, value);
        fputc('\n', out);
    }
}


static void
yaml_out_object(FILE *out, const json_t *object, int indent, bool in_list)
{
    bool         first;
    json_t      *key, *value;
    const char  *name;

    if (!in_list) {
        fputc('\n', out);
    }

    first = in_list;

    json_object_foreach((json_t *) object, name, value) {
        fprintf(out, "%*s", first ? 0 : indent, "");
        first = false;

        key = json_string(name);
        yaml_out_text(out, key);
        json_decref(key);

        fputc(':', out);
        yaml_out_value(out, value, indent + YAML_OUT_INDENT, false);
    }
}


static void
yaml_out_list(FILE *out, const json_t *list, int indent, bool in_list)
{
    bool     first;
    size_t   i;
    json_t  *value;

    first = in_list;

    /* Items stand below their key, as kubectl prints them. */

    if (!in_list) {
        fputc('\n', out);
        indent -= YAML_OUT_INDENT;
    }

    json_array_foreach(list, i, value) {
        fprintf(out, "%*s- ", first ? 0 : indent, "");
        first = false;

        yaml_out_value(out, value, indent + YAML_OUT_INDENT, true);
    }
}


static void
yaml_out_scalar(FILE *out, const json_t *value)
{
    char  *text;

    if (json_is_string(value)) {
        yaml_out_text(out, value);
        return;
    }

    text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    fputs(text ? text : "null", out);
    free(text);
}


static void
yaml_out_text(FILE *out, const json_t *value)
{
    const char  *text;

    text = json_string_value(value);

    if (yaml_out_is_plain(text)) {
        fputs(text, out);

    } else {
        yaml_out_quoted(out, text);
    }
}


/*
 * YAML 1.2.2, 5.7: escaped is what YAML does not print, or takes for the end
 * of a line.  jansson lets only UTF-8 in.
 */
static void
yaml_out_quoted(FILE *out, const char *text)
{
    int                    n;
    uint32_t               c;
    const unsigned char   *p;

    fputc('"', out);

    for (p = (const unsigned char *) text; *p; p += n) {
        n = *p < 0x80 ? 1 : *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : 4;
        c = n == 2 ? (*p & 0x1fu) << 6 | (p[1] & 0x3fu)
            : n == 3 ? (*p & 0x0fu) << 12 | (p[1] & 0x3fu) << 6
                       | (p[2] & 0x3fu)
            : *p;

        if (c == '"' || c == '\\') {
            fprintf(out, "\\%c", (int) c);

        } else if (c == '\n') {
            fputs("\\n", out);

        } else if (n < 4
                   && (c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028
                       || c == 0x2029 || c == 0xfeff || c >= 0xfffe))
        {
            fprintf(out, "\\u%04x", (unsigned) c);

        } else {
            fwrite(p, 1, (size_t) n, out);
        }
    }

    fputc('"', out);
}


static bool
yaml_out_is_plain(const char *text)
{
    size_t  i, len;

    static const char *const  words[] = {
        "true", "false", "yes", "no", "on", "off", "y", "n", "null"
    };

    len = strlen(text);

    if (len == 0 || text[len - 1] == ':'
        || strspn(text, "abcdefghijklmnopqrstuvwxyz"
                        "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:-") != len
        || strchr("0123456789.:-", text[0]))
    {
        return false;
    }

    for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcasecmp(text, words[i]) == 0) {
            return false;
        }
    }

    return true;
}
