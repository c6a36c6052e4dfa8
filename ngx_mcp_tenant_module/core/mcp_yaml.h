/*
 * A YAML file as a tree of nodes with their places.  The one file that knows
 * libyaml is mcp_yaml.c.
 *
 * The subset: one document of mappings, sequences and scalars, in UTF-8.
 * Aliases, anchors, tags, merge keys, a second document, keys that are no
 * scalars and duplicate keys are errors; so are more than
 * MCP_YAML_DEPTH_MAX levels and files over MCP_YAML_SIZE_MAX bytes.  After
 * MCP_YAML_ERRORS_MAX errors the rest of a file is not read.
 */

#ifndef _MCP_YAML_H_INCLUDED_
#define _MCP_YAML_H_INCLUDED_


#include "mcp_base.h"


#define MCP_YAML_DEPTH_MAX   32
#define MCP_YAML_SIZE_MAX    (256u * 1024 * 1024)
#define MCP_YAML_ERRORS_MAX  1000


typedef enum {
    MCP_YAML_SCALAR,
    MCP_YAML_SEQUENCE,
    MCP_YAML_MAPPING,
    MCP_YAML_BROKEN             /* reported already: nothing more to say */
} mcp_yaml_kind_e;


typedef struct mcp_yaml_node_s  mcp_yaml_node_t;

/*
 * Children are a linked list in file order; in a mapping every child has
 * its key.  plain: the scalar had no quotes and is no block, so that YAML's
 * rules for numbers, booleans and null apply to it.  partial: the file broke
 * off inside, so that what is missing here is no mistake of its own.
 */
struct mcp_yaml_node_s {
    mcp_yaml_kind_e   kind;
    bool              plain;
    bool              partial;
    uint32_t          line;
    uint32_t          column;
    mcp_str_t         value;            /* of a scalar */
    mcp_str_t         key;
    uint32_t          key_line;
    uint32_t          key_column;
    uint32_t          nchildren;
    mcp_yaml_node_t  *children;
    mcp_yaml_node_t  *next;
};


/*
 * Parses text; file names it in findings.  Nodes live in arena.  Returns
 * MCP_OK, or MCP_ERROR with findings in report; *ret_root may be set
 * then too, to the tree as far as it could be read, so that the caller can
 * go on finding mistakes, and is NULL when nothing could.  A file without a
 * document is MCP_OK and a NULL *ret_root.
 */
int mcp_yaml_parse(mcp_arena_t *arena, const char *file, const char *text,
    size_t len, mcp_report_t *report, mcp_yaml_node_t **ret_root);

/* Whether the node is YAML's null: nothing, "~" or "null" without quotes. */
bool mcp_yaml_is_null(const mcp_yaml_node_t *node);


#endif /* _MCP_YAML_H_INCLUDED_ */
