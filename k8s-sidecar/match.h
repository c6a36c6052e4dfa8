/*
 * Whether an object still is what it should be.
 */

#ifndef _MATCH_H_INCLUDED_
#define _MATCH_H_INCLUDED_


#include <jansson.h>
#include <stdbool.h>


/*
 * Whether observed has all that desired says: every key with the same value,
 * lists of the same length.  Kind and apiVersion of the whole, which a list
 * leaves out, are not looked at.  What the API server adds does not matter;
 * amounts of cpu, memory and the like are equal when they are as much; what
 * is empty may be missing.  Beyond what desired says, selectors may choose
 * nothing, and nothing may be there that gives rights, opens a way or runs a
 * program.
 */
bool match_object(const json_t *desired, const json_t *observed);

/*
 * A JSON merge patch (RFC 7386) that makes observed match: desired, with null
 * for what may not be there.  Owned by the caller; NULL without memory.
 */
json_t *match_patch(const json_t *desired, const json_t *observed);


#endif /* _MATCH_H_INCLUDED_ */
