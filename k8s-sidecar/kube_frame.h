/*
 * Lines out of a stream that comes in pieces.
 */

#ifndef _KUBE_FRAME_H_INCLUDED_
#define _KUBE_FRAME_H_INCLUDED_


#include <stdbool.h>
#include <stddef.h>


/* The beginning of a line whose end has not come.  All zeroes but max. */
typedef struct {
    char    *data;
    size_t   len;
    size_t   capacity;
    size_t   max;               /* bytes of a line, without its line feed */
} kube_frame_t;

typedef enum {
    KUBE_FRAME_OK,
    KUBE_FRAME_TOO_LONG,
    KUBE_FRAME_NO_MEMORY,
    KUBE_FRAME_ENDED            /* line returned false */
} kube_frame_e;


/* Without the line feed, not ended by NUL; borrowed. */
typedef bool (*kube_frame_line_pt)(void *data, const char *line, size_t len);


/*
 * Gives every line that ends in the piece; looks at each byte once.  After
 * anything but KUBE_FRAME_OK only kube_frame_free() is of use.
 */
kube_frame_e kube_frame_add(kube_frame_t *frame, const char *piece,
    size_t len, kube_frame_line_pt line, void *data);

/* Empty again, with the same max. */
void kube_frame_free(kube_frame_t *frame);


#endif /* _KUBE_FRAME_H_INCLUDED_ */
