/*
 * Line framing.
 */

#include "kube_frame.h"

#include <stdlib.h>
#include <string.h>


#define KUBE_FRAME_MIN_BYTES  4096


static kube_frame_e kube_frame_keep(kube_frame_t *frame, const char *piece,
    size_t len);


kube_frame_e
kube_frame_add(kube_frame_t *frame, const char *piece, size_t len,
    kube_frame_line_pt line, void *data)
{
    bool           more;
    size_t         n;
    const char    *end;
    kube_frame_e   rc;

    while (len) {
        end = memchr(piece, '\n', len);
        n = end ? (size_t) (end - piece) : len;

        if (n > frame->max - frame->len) {
            return KUBE_FRAME_TOO_LONG;
        }

        if (end == NULL) {
            return kube_frame_keep(frame, piece, n);
        }

        if (frame->len == 0) {

            /* whole in the piece: nothing to copy */

            more = line(data, piece, n);

        } else {
            rc = kube_frame_keep(frame, piece, n);
            if (rc != KUBE_FRAME_OK) {
                return rc;
            }

            more = line(data, frame->data, frame->len);
            frame->len = 0;
        }

        if (!more) {
            return KUBE_FRAME_ENDED;
        }

        piece += n + 1;
        len -= n + 1;
    }

    return KUBE_FRAME_OK;
}


static kube_frame_e
kube_frame_keep(kube_frame_t *frame, const char *piece, size_t len)
{
    char    *data;
    size_t   capacity;

    if (frame->len + len > frame->capacity) {
        capacity = frame->capacity ? frame->capacity : KUBE_FRAME_MIN_BYTES;

        while (capacity < frame->len + len) {
            capacity *= 2;
        }

        data = realloc(frame->data, capacity);
        if (data == NULL) {
            return KUBE_FRAME_NO_MEMORY;
        }

        frame->data = data;
        frame->capacity = capacity;
    }

    if (len) {
        memcpy(frame->data + frame->len, piece, len);
        frame->len += len;
    }

    return KUBE_FRAME_OK;
}


void
kube_frame_free(kube_frame_t *frame)
{
    free(frame->data);
    frame->data = NULL;
    frame->len = 0;
    frame->capacity = 0;
}
