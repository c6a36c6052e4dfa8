/*
 * Credentials in memory, from files that rotate.
 */

#include "kube_credentials.h"
#include "kube_config_file.h"
#include "mcp_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define KUBE_CREDENTIALS_WHY_LEN  512

/* What a server takes as one header. */
#define KUBE_CREDENTIALS_TOKEN_MAX_BYTES  16384


enum {
    KUBE_CREDENTIALS_TOKEN,
    KUBE_CREDENTIALS_CA,
    KUBE_CREDENTIALS_CERTIFICATE,
    KUBE_CREDENTIALS_KEY,
    KUBE_CREDENTIALS_NUMBER
};


typedef struct {
    const char  *path;
    char        *text;
    uint64_t     stamp;
} kube_credentials_file_t;


struct kube_credentials_s {
    const kube_config_t      *config;
    kube_credentials_file_t   files[KUBE_CREDENTIALS_NUMBER];
    bool                      stale;
    char                      why[KUBE_CREDENTIALS_WHY_LEN];
};


static bool kube_credentials_read(kube_credentials_t *credentials,
    kube_credentials_file_t *file, bool is_token);
static char *kube_credentials_take(const mcp_file_t *read, bool is_token,
    const char **ret_why);


kube_credentials_t *
kube_credentials_new(const kube_config_t *config)
{
    kube_credentials_t  *credentials;

    credentials = calloc(1, sizeof(kube_credentials_t));
    if (credentials == NULL) {
        return NULL;
    }

    credentials->config = config;

    credentials->files[KUBE_CREDENTIALS_TOKEN].path = config->token_file;
    credentials->files[KUBE_CREDENTIALS_CA].path = config->ca_file;
    credentials->files[KUBE_CREDENTIALS_CERTIFICATE].path =
                                             config->client_certificate_file;
    credentials->files[KUBE_CREDENTIALS_KEY].path = config->client_key_file;

    return credentials;
}


void
kube_credentials_free(kube_credentials_t *credentials)
{
    size_t  i;

    if (credentials == NULL) {
        return;
    }

    for (i = 0; i < KUBE_CREDENTIALS_NUMBER; i++) {
        kube_config_drop(credentials->files[i].text);
    }

    free(credentials);
}


int
kube_credentials_refresh(kube_credentials_t *credentials,
    kube_credentials_now_t *ret_now, const char **ret_why)
{
    int                       rc;
    size_t                    i;
    const kube_config_t      *config;
    kube_credentials_file_t  *files;

    rc = MCP_OK;
    config = credentials->config;
    files = credentials->files;

    for (i = 0; i < KUBE_CREDENTIALS_NUMBER; i++) {
        if (files[i].path
            && !kube_credentials_read(credentials, &files[i],
                                      i == KUBE_CREDENTIALS_TOKEN))
        {
            *ret_why = credentials->why;
            rc = MCP_ERROR;
            break;
        }
    }

    credentials->stale = (rc != MCP_OK);

    /* always: what it pointed to may be gone */

    ret_now->token = config->token_file
                     ? files[KUBE_CREDENTIALS_TOKEN].text : config->token;
    ret_now->ca_pem = config->ca_file ? files[KUBE_CREDENTIALS_CA].text
                                      : config->ca_pem;
    ret_now->client_certificate_pem =
        config->client_certificate_file
        ? files[KUBE_CREDENTIALS_CERTIFICATE].text
        : config->client_certificate_pem;
    ret_now->client_key_pem = config->client_key_file
                              ? files[KUBE_CREDENTIALS_KEY].text
                              : config->client_key_pem;

    return rc;
}


void
kube_credentials_forget(kube_credentials_t *credentials)
{
    credentials->stale = true;
}


/* Returns whether there is something to use, be it from an earlier time. */
static bool
kube_credentials_read(kube_credentials_t *credentials,
    kube_credentials_file_t *file, bool is_token)
{
    char        *text;
    mcp_file_t   read;
    const char  *why;

    if (file->text && !credentials->stale
        && file->stamp == mcp_file_stamp(file->path))
    {
        return true;
    }

    memset(&read, 0, sizeof(mcp_file_t));
    text = NULL;

    if (mcp_file_read(&read, file->path, KUBE_CONFIG_CREDENTIAL_MAX_BYTES,
                      NULL)
        == MCP_OK)
    {
        text = kube_credentials_take(&read, is_token, &why);

    } else {
        why = read.why;
    }

    if (text) {
        kube_config_drop(file->text);
        file->text = text;
        file->stamp = read.stamp;

    } else if (file->text == NULL) {
        (void) snprintf(credentials->why, KUBE_CREDENTIALS_WHY_LEN,
                        "the file %s %s", file->path, why);
    }

    kube_config_wipe(&read);

    return file->text != NULL;
}


static char *
kube_credentials_take(const mcp_file_t *read, bool is_token,
    const char **ret_why)
{
    char       *text;
    mcp_str_t   value;

    value.data = read->data;
    value.len = read->len;

    if (is_token) {
        while (value.len && strchr(" \t\r\n", value.data[value.len - 1])) {
            value.len--;
        }

        if (value.len == 0 || value.len > KUBE_CREDENTIALS_TOKEN_MAX_BYTES
            || !mcp_text_is_visible(&value))
        {
            *ret_why = "holds no token, expected one line without spaces";
            return NULL;
        }

    } else if (memchr(value.data, '\0', value.len)
               || !memmem(value.data, value.len, "-----BEGIN ", 11))
    {
        *ret_why = "holds no PEM, expected \"-----BEGIN ...\"";
        return NULL;
    }

    text = strndup(value.data, value.len);
    if (text == NULL) {
        *ret_why = "cannot be kept: there is no memory";
    }

    return text;
}
