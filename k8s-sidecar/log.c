/*
 * The log of the controller.
 */

#include "log.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>


void
log_line(log_level_e level, const char *message, ...)
{
    char             stamp[40], millis[8], *text;
    json_t          *line;
    va_list          args;
    struct tm        tm;
    const char      *name, *value;
    struct timespec  now;

    static const char *const  levels[] = { "info", "warn", "error" };

    (void) clock_gettime(CLOCK_REALTIME, &now);
    (void) gmtime_r(&now.tv_sec, &tm);
    (void) snprintf(millis, sizeof(millis), "%03u",
                    (unsigned) (now.tv_nsec / 1000000) % 1000);
    (void) strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S.", &tm);

    line = json_pack("{s:s++,s:s,s:s}", "time", stamp, millis, "Z", "level",
                     levels[level], "msg", message);

    va_start(args, message);

    while ((name = va_arg(args, const char *)) != NULL) {
        value = va_arg(args, const char *);
        (void) json_object_set_new(line, name,
                                   json_string(value ? value : ""));
    }

    va_end(args);

    text = json_dumps(line, JSON_COMPACT | JSON_ENSURE_ASCII);

    if (text) {
        (void) fprintf(stderr, "%s\n", text);
    }

    free(text);
    json_decref(line);
}
