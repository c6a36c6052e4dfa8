/*
 * endpoints.json on the disk, and its sequence.
 */

#include "endpoints_parts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>


#define ENDPOINTS_FILE_MAX_BYTES  (64u * 1024 * 1024)
#define ENDPOINTS_FILE_MODE       (S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH)

/* Leaves room to grow below ENDPOINTS_SEQUENCE_MAX. */
#define ENDPOINTS_RANDOM_MASK     ((UINT64_C(1) << 40) - 1)


static void endpoints_file_found(endpoints_t *endpoints, const char *path);
static bool endpoints_file_read(const mcp_file_t *file,
    uint64_t *ret_sequence, const char **ret_body);
static void endpoints_mark(endpoints_t *endpoints);


int
endpoints_write(endpoints_t *endpoints, const char *path,
    const mcp_config_t *config, endpoints_state_pt state, void *data,
    char reterr_text[ENDPOINTS_ERROR_LEN])
{
    int        err, len;
    char      *body, *text;
    uint64_t   sequence;

    if (!endpoints_is_whole(endpoints)) {
        return MCP_OK;
    }

    if (!endpoints->was_read) {
        endpoints_file_found(endpoints, path);
        endpoints->was_read = true;
    }

    body = endpoints_body(endpoints, config, state, data);

    if (body && endpoints->body && strcmp(body, endpoints->body) == 0
        && endpoints->floor <= endpoints->sequence
        && endpoints->stamp == mcp_file_stamp(path))
    {
        free(body);
        endpoints_mark(endpoints);
        return MCP_OK;
    }

    sequence = endpoints->sequence > endpoints->floor ? endpoints->sequence
                                                      : endpoints->floor;
    sequence++;

    text = NULL;
    len = body ? asprintf(&text, "{\"version\":1,\"sequence\":%llu,%s",
                          (unsigned long long) sequence, body)
               : -1;

    if (len == -1) {
        free(body);
        (void) snprintf(reterr_text, ENDPOINTS_ERROR_LEN,
                        "cannot be written: %s", strerror(ENOMEM));
        return MCP_ERROR;
    }

    if (mcp_file_write(path, text, (size_t) len, ENDPOINTS_FILE_MODE)
        != MCP_OK)
    {
        err = errno;
        free(text);
        free(body);
        (void) snprintf(reterr_text, ENDPOINTS_ERROR_LEN,
                        "cannot be written: %s", strerror(err));
        return MCP_ERROR;
    }

    free(text);
    free(endpoints->body);

    endpoints->body = body;
    endpoints->stamp = mcp_file_stamp(path);
    endpoints->sequence = sequence;

    if (endpoints->first == 0) {
        endpoints->first = sequence;
    }

    endpoints_mark(endpoints);

    return MCP_OK;
}


uint64_t
endpoints_sequence(const endpoints_t *endpoints)
{
    return endpoints->sequence;
}


bool
endpoints_enforced(endpoints_t *endpoints, uint64_t sequence)
{
    if (sequence > endpoints->sequence) {

        if (sequence > endpoints->floor && sequence < ENDPOINTS_SEQUENCE_MAX)
        {
            endpoints->floor = sequence;
            endpoints->version++;
        }

        return false;
    }

    return endpoints->first && sequence >= endpoints->first;
}


static void
endpoints_file_found(endpoints_t *endpoints, const char *path)
{
    uint64_t     sequence, start;
    mcp_file_t   file;
    const char  *body;

    memset(&file, 0, sizeof(mcp_file_t));

    if (mcp_file_read(&file, path, ENDPOINTS_FILE_MAX_BYTES, NULL) == MCP_OK
        && endpoints_file_read(&file, &sequence, &body))
    {
        endpoints->sequence = sequence;
        endpoints->first = sequence;
        endpoints->stamp = file.stamp;

        /* without memory it is written again */
        endpoints->body = body ? strndup(body, file.len
                                               - (size_t) (body - file.data))
                               : NULL;

    } else {
        start = endpoints->random & ENDPOINTS_RANDOM_MASK;

        if (endpoints->floor < start) {
            endpoints->floor = start;
        }
    }

    mcp_file_free(&file);
}


/* body: NULL when the file is of another hand */
static bool
endpoints_file_read(const mcp_file_t *file, uint64_t *ret_sequence,
    const char **ret_body)
{
    int            len;
    char           head[64];
    json_t        *json, *sequence;
    json_int_t     number;

    json = json_loadb(file->data, file->len, 0, NULL);
    sequence = json_object_get(json, "sequence");
    number = json_is_integer(sequence) ? json_integer_value(sequence) : -1;

    json_decref(json);

    if (number < 1 || (uint64_t) number >= ENDPOINTS_SEQUENCE_MAX) {
        return false;
    }

    len = snprintf(head, sizeof(head), "{\"version\":1,\"sequence\":%llu,",
                   (unsigned long long) number);

    *ret_sequence = (uint64_t) number;
    *ret_body = file->len > (size_t) len
                && memcmp(file->data, head, (size_t) len) == 0
                    ? file->data + len : NULL;

    return true;
}


/* What is draining in the newest file has been so from some file on. */
static void
endpoints_mark(endpoints_t *endpoints)
{
    size_t                  i, k;
    endpoints_pod_t        *pod;
    endpoints_namespace_t  *namespace;

    for (i = 0; i < endpoints->nnamespaces; i++) {
        namespace = &endpoints->namespaces[i];

        for (k = 0; k < namespace->npods; k++) {
            pod = &namespace->pods[k];

            if (pod->is_terminating && pod->is_listed && !pod->sequence) {
                pod->sequence = endpoints->sequence;
                pod->port = pod->listed_port;
            }
        }
    }
}
