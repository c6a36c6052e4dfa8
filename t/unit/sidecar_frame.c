/*
 * Lines out of pieces, cut at every place.
 */

#include "kube_frame.h"
#include "tap.h"

#include <stdlib.h>


#define FRAME_MAX  8


typedef struct {
    char      text[256];
    size_t    len;
    unsigned  lines;
    unsigned  stop_at;
} frame_seen_t;


static bool line(void *data, const char *text, size_t len);
static kube_frame_e feed(const char *text, size_t first, size_t second,
    unsigned stop_at, frame_seen_t *ret_seen);
static void every_split(void);
static void limits(void);
static void single_bytes(void);


int
main(void)
{
    every_split();
    single_bytes();
    limits();

    return done();
}


static bool
line(void *data, const char *text, size_t len)
{
    frame_seen_t  *seen;

    seen = data;
    memcpy(seen->text + seen->len, text, len);
    seen->len += len;
    seen->text[seen->len++] = '|';
    seen->text[seen->len] = '\0';

    return ++seen->lines != seen->stop_at;
}


/* The text in three pieces. */
static kube_frame_e
feed(const char *text, size_t first, size_t second, unsigned stop_at,
    frame_seen_t *ret_seen)
{
    size_t         i, len, cuts[4];
    char          *piece;
    kube_frame_e   rc;
    kube_frame_t   frame;

    memset(ret_seen, 0, sizeof(frame_seen_t));
    memset(&frame, 0, sizeof(kube_frame_t));
    ret_seen->stop_at = stop_at;
    frame.max = FRAME_MAX;

    cuts[0] = 0;
    cuts[1] = first;
    cuts[2] = second;
    cuts[3] = strlen(text);
    rc = KUBE_FRAME_OK;

    for (i = 0; i < 3 && rc == KUBE_FRAME_OK; i++) {
        len = cuts[i + 1] - cuts[i];

        /* a copy of its own, so that a byte too far is noticed */

        piece = malloc(len ? len : 1);
        memcpy(piece, text + cuts[i], len);
        rc = kube_frame_add(&frame, piece, len, line, ret_seen);
        free(piece);
    }

    kube_frame_free(&frame);

    return rc;
}


static void
every_split(void)
{
    size_t        i, j, len;
    unsigned      wrong;
    frame_seen_t  seen;

    static const char  text[] = "one\n\ntwo three"
                                "\n\n\n12345678\nx\nrest";

    /* "two three" is one more than the most */

    wrong = 0;
    len = sizeof(text) - 1;

    for (i = 0; i <= len; i++) {
        for (j = i; j <= len; j++) {
            if (feed(text, i, j, 0, &seen) != KUBE_FRAME_TOO_LONG
                || strcmp(seen.text, "one||") != 0)
            {
                wrong++;
            }
        }
    }

    is_int(wrong, 0, "a line over the most ends it, wherever it is cut");

    wrong = 0;
    len = strlen("one\n\n12345678\nx\nrest");

    for (i = 0; i <= len; i++) {
        for (j = i; j <= len; j++) {
            if (feed("one\n\n12345678\nx\nrest", i, j, 0, &seen)
                != KUBE_FRAME_OK
                || strcmp(seen.text, "one||12345678|x|") != 0)
            {
                wrong++;
            }
        }
    }

    is_int(wrong, 0, "lines are the same, wherever they are cut");

    wrong = 0;

    for (i = 0; i <= len; i++) {
        if (feed("one\n\n12345678\nx\nrest", i, i, 2, &seen)
            != KUBE_FRAME_ENDED
            || strcmp(seen.text, "one||") != 0)
        {
            wrong++;
        }
    }

    is_int(wrong, 0, "after the line that ends it nothing comes");
}


static void
single_bytes(void)
{
    size_t         i;
    kube_frame_t   frame;
    frame_seen_t   seen;

    static const char  text[] = "a\nbcd\n\nefgh\n";

    memset(&seen, 0, sizeof(frame_seen_t));
    memset(&frame, 0, sizeof(kube_frame_t));
    frame.max = FRAME_MAX;

    for (i = 0; text[i]; i++) {
        (void) kube_frame_add(&frame, &text[i], 1, line, &seen);
    }

    is_str(seen.text, "a|bcd||efgh|", "byte by byte");
    is_int(frame.len, 0, "nothing is left");
    kube_frame_free(&frame);
    is_int(frame.max, FRAME_MAX, "freed, it can be used again");
}


static void
limits(void)
{
    char          *long_line;
    size_t         len;
    frame_seen_t   seen;
    kube_frame_t   frame;

    is_int(feed("123456789", 4, 8, 0, &seen), KUBE_FRAME_TOO_LONG,
           "a line without an end is cut off at the most");
    is_int(feed("12345678", 4, 8, 0, &seen), KUBE_FRAME_OK,
           "one of the most is not");

    len = 1024 * 1024;
    long_line = malloc(len);
    memset(long_line, 'x', len);

    memset(&frame, 0, sizeof(kube_frame_t));
    frame.max = len * 3;

    is_int(kube_frame_add(&frame, long_line, len, line, &seen),
           KUBE_FRAME_OK, "a long beginning is kept");
    is_int(kube_frame_add(&frame, long_line, len, line, &seen),
           KUBE_FRAME_OK, "a longer one, too");
    is_int(frame.len, (long long) len * 2, "all of it");
    ok(frame.capacity <= len * 4, "in at most twice the room");

    kube_frame_free(&frame);
    free(long_line);
}
