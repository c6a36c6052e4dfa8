/*
 * The log of the controller: one line of JSON for each event, to standard
 * error.
 */

#ifndef _LOG_H_INCLUDED_
#define _LOG_H_INCLUDED_


typedef enum {
    LOG_INFO,
    LOG_WARN,
    LOG_ERROR
} log_level_e;


/*
 * message: a constant.  Then pairs of name and text (NULL: "" ), ended by a
 * NULL name.  No text may be a secret.
 */
void log_line(log_level_e level, const char *message, ...)
    __attribute__((sentinel));


#endif /* _LOG_H_INCLUDED_ */
