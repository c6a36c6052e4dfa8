/*
 * Forms of text that the files may hold: names, times, amounts.  Nothing here
 * reports; each function says whether the text has the form.
 */

#ifndef _MCP_TEXT_H_INCLUDED_
#define _MCP_TEXT_H_INCLUDED_


#include "mcp_base.h"


#define MCP_TEXT_QUOTE_LEN  288


/* [a-z0-9]([a-z0-9-]{0,61}[a-z0-9])? as of DNS labels, tenants and servers */
bool mcp_text_is_label(const mcp_str_t *text);

/* labels with "." between them, at most 253 bytes */
bool mcp_text_is_subdomain(const mcp_str_t *text);

/* 1 to max bytes of [A-Za-z0-9] and of the characters in others */
bool mcp_text_is_word(const mcp_str_t *text, const char *others, size_t max);

/* [A-Za-z_][A-Za-z0-9_]*, at most 128 bytes */
bool mcp_text_is_variable(const mcp_str_t *text);

/* RFC 9110 token */
bool mcp_text_is_token(const mcp_str_t *text);

/* visible ASCII, without space */
bool mcp_text_is_visible(const mcp_str_t *text);

/*
 * No control characters, neither of ASCII nor U+0080 to U+009F; with lines,
 * line feeds and tabs may be there.  The text is valid UTF-8.
 */
bool mcp_text_is_printable(const mcp_str_t *text, bool lines);

bool mcp_text_equals(const mcp_str_t *text, const char *other);

/* "2027-01-31" or RFC 3339; Unix seconds, fractions cut off, never 0 */
bool mcp_text_timestamp(const mcp_str_t *text, int64_t *ret_seconds);

/* "90s", "10m", "1h": at most 30 days, never 0 */
bool mcp_text_duration(const mcp_str_t *text, uint32_t *ret_seconds);

/* an amount of Kubernetes such as "500m", "1.5", "128Mi", "1e3" */
bool mcp_text_is_quantity(const mcp_str_t *text);

/* at least one character, in the set of image references */
bool mcp_text_is_image(const mcp_str_t *text);

/* Whether two words are so near that one may be a slip for the other. */
bool mcp_text_is_near(const mcp_str_t *text, const char *word);

/*
 * The text in quotes and fit for a log, or "a text of N characters" when it
 * is long or could be a key.
 */
const char *mcp_text_quote(const mcp_str_t *text,
    char buf[MCP_TEXT_QUOTE_LEN]);


#endif /* _MCP_TEXT_H_INCLUDED_ */
