/*
 * Typed reading of YAML nodes, with findings.
 *
 * Every function here that returns false has reported why, or knows that it
 * was reported already; its result is then left alone.  name: the key as the
 * file has it, for the finding.
 */

#ifndef _MCP_FIELD_H_INCLUDED_
#define _MCP_FIELD_H_INCLUDED_


#include "mcp_load.h"


/*
 * required: NULL for optional, else what is expected when it is missing.
 * refused: NULL, else what to say when it is there.
 */
typedef struct {
    const char  *name;
    const char  *required;
    const char  *refused;
} mcp_field_t;


/*
 * Takes a mapping apart: values[n] is the node of fields[n], NULL when it is
 * missing, null or broken.  what: "a tenant".  Unknown keys are reported.
 */
bool mcp_field_mapping(mcp_load_t *load, const mcp_yaml_node_t *node,
    const char *what, const mcp_field_t *fields, size_t nfields,
    const mcp_yaml_node_t **ret_values);

/* The child of a mapping, broken ones too, or NULL. */
const mcp_yaml_node_t *mcp_field_find(const mcp_yaml_node_t *node,
    const char *name);

/* Whether the node is a list, a mapping. */
bool mcp_field_is(mcp_load_t *load, const mcp_yaml_node_t *node,
    const char *name, mcp_yaml_kind_e kind);

/* A scalar that is not null; the text is borrowed from the node. */
bool mcp_field_scalar(mcp_load_t *load, const mcp_yaml_node_t *node,
    const char *name, mcp_str_t *ret_text);

/* A copy of a scalar of 1 to max bytes without control characters. */
bool mcp_field_text(mcp_load_t *load, const mcp_yaml_node_t *node,
    const char *name, size_t max, bool lines, mcp_str_t *ret_text);

/* A copy of a scalar that is a label (mcp_text_is_label()). */
bool mcp_field_label(mcp_load_t *load, const mcp_yaml_node_t *node,
    const char *name, mcp_str_t *ret_text);

/*
 * A list of words that differ; item: "a tag"; expected: the form of one;
 * hidden: what has not that form may be a secret, and is not told.  Returns
 * whether every one was right; *ret_words has those that were.
 */
typedef struct {
    const char  *name;
    const char  *item;
    bool       (*is_word)(const mcp_str_t *text);
    const char  *expected;
    bool         hidden;
} mcp_field_words_t;

bool mcp_field_words(mcp_load_t *load, const mcp_yaml_node_t *node,
    const mcp_field_words_t *words, mcp_str_t **ret_words,
    size_t *ret_count);

bool mcp_field_bool(mcp_load_t *load, const mcp_yaml_node_t *node,
    const char *name, bool *ret_value);

/* A whole number from 1 to max. */
bool mcp_field_number(mcp_load_t *load, const mcp_yaml_node_t *node,
    const char *name, uint32_t max, uint32_t *ret_value);

bool mcp_field_timestamp(mcp_load_t *load, const mcp_yaml_node_t *node,
    const char *name, int64_t *ret_seconds);

/* what: "a key"; tenant: whose they are, NULL for those inside of one */
bool mcp_field_quotas(mcp_load_t *load, const mcp_yaml_node_t *node,
    const char *what, mcp_tenant_t *tenant,
    mcp_quotas_t *ret_quotas);

/*
 * Rate, burst and concurrency of a mapping that was taken apart, each NULL
 * when it is missing.
 */
void mcp_field_limits(mcp_load_t *load, const mcp_yaml_node_t *node,
    const mcp_yaml_node_t *rate, const mcp_yaml_node_t *burst,
    const mcp_yaml_node_t *concurrent, mcp_quotas_t *ret_quotas);

/* One finding at the node, or at its key. */
void mcp_field_error(mcp_load_t *load, const mcp_yaml_node_t *node,
    const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void mcp_field_key_error(mcp_load_t *load, const mcp_yaml_node_t *node,
    const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));


#endif /* _MCP_FIELD_H_INCLUDED_ */
