/*
 * Writing what must not stay in a buffer of stdio.
 */

#ifndef _OUTPUT_H_INCLUDED_
#define _OUTPUT_H_INCLUDED_


#include <stddef.h>


/* To standard output; 1, and a message of the command, when that fails. */
int output_write(const char *command, const char *text, size_t len);


#endif /* _OUTPUT_H_INCLUDED_ */
