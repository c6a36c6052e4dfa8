/*
 * JSON as YAML for people: block style, keys in their order.
 */

#ifndef _YAML_OUT_H_INCLUDED_
#define _YAML_OUT_H_INCLUDED_


#include <jansson.h>
#include <stdio.h>


/*
 * One document with "---" before it.  Text is quoted wherever a reader of
 * YAML 1.1 or 1.2 could take it for something else.  Whether writing failed
 * is for ferror() to tell.
 */
void yaml_out_document(FILE *out, const json_t *json);


#endif /* _YAML_OUT_H_INCLUDED_ */
