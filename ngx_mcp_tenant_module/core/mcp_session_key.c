/*
 * Keys of sealed sessions: making them and reading their file.  No finding
 * repeats what stands in a line: it is a key, or was meant to be one.
 */

#include "mcp_session.h"
#include "mcp_base64.h"
#include "mcp_file.h"
#include "mcp_key.h"

#include <openssl/crypto.h>

#include <string.h>


#define MCP_SESSION_FILE_MAX    65536

#define MCP_SESSION_PREFIX_LEN  (sizeof(MCP_SESSION_KEY_PREFIX) - 1)
#define MCP_SESSION_BODY_LEN    (MCP_SESSION_PREFIX_LEN                       \
                                 + MCP_SESSION_KEY_BASE64_LEN)


static void mcp_session_keys_line(const mcp_mark_t *mark, const char *text,
    size_t len, mcp_report_t *report, mcp_session_keys_t *keys);
static const char *mcp_session_key_decode(const char *text, size_t len,
    unsigned char ret_key[MCP_SEAL_KEY_LEN]);


static const char  mcp_session_expected[] =
    "a line as \"mcp-tenant session-key\" prints it";


int
mcp_session_keys_random(mcp_session_keys_t *ret_keys)
{
    ret_keys->count = 1;

    return mcp_key_random_bytes(ret_keys->keys[0], MCP_SEAL_KEY_LEN);
}


void
mcp_session_keys_wipe(mcp_session_keys_t *keys)
{
    OPENSSL_cleanse(keys, sizeof(mcp_session_keys_t));
}


int
mcp_session_key_generate(char ret_key[MCP_SESSION_KEY_LEN + 1])
{
    unsigned char  key[MCP_SEAL_KEY_LEN];

    if (mcp_key_random_bytes(key, sizeof(key)) != MCP_OK) {
        return MCP_ERROR;
    }

    memcpy(ret_key, MCP_SESSION_KEY_PREFIX, MCP_SESSION_PREFIX_LEN);
    mcp_base64_encode(key, sizeof(key), ret_key + MCP_SESSION_PREFIX_LEN);
    mcp_key_checksum(ret_key, MCP_SESSION_BODY_LEN,
                     ret_key + MCP_SESSION_BODY_LEN);
    ret_key[MCP_SESSION_KEY_LEN] = '\0';

    OPENSSL_cleanse(key, sizeof(key));

    return MCP_OK;
}


bool
mcp_session_keys_read(const char *path, mcp_report_t *report,
    mcp_session_keys_t *ret_keys)
{
    bool        fine;
    mcp_file_t  file;
    mcp_mark_t  mark = { path, 1, 1 };

    memset(&file, 0, sizeof(mcp_file_t));

    if (mcp_file_read(&file, path, MCP_SESSION_FILE_MAX, NULL) == MCP_OK) {
        fine = mcp_session_keys_parse(path, file.data, file.len, report,
                                      ret_keys);

    } else {
        fine = false;
        mcp_report_add(report, MCP_REPORT_ERROR, &mark,
                       "the file of session keys %s, expected a file that "
                       "can be read", file.why);
    }

    if (file.data) {
        OPENSSL_cleanse(file.data, file.capacity);
    }

    mcp_file_free(&file);

    return fine;
}


bool
mcp_session_keys_parse(const char *path, const char *text, size_t len,
    mcp_report_t *report, mcp_session_keys_t *ret_keys)
{
    size_t       n, found;
    mcp_mark_t   mark = { path, 0, 1 };
    const char  *end;

    found = mcp_report_errors(report);
    ret_keys->count = 0;

    while (len) {
        end = memchr(text, '\n', len);
        n = end ? (size_t) (end - text) : len;

        mark.line++;
        mcp_session_keys_line(&mark, text, n, report, ret_keys);

        n += (end != NULL);
        text += n;
        len -= n;
    }

    if (mcp_report_errors(report) == found && ret_keys->count == 0) {
        mark.line = 1;
        mcp_report_add(report, MCP_REPORT_ERROR, &mark,
                       "found no session key, expected %s",
                       mcp_session_expected);
    }

    if (mcp_report_errors(report) != found
        || mcp_report_out_of_memory(report))
    {
        mcp_session_keys_wipe(ret_keys);
        return false;
    }

    return true;
}


static void
mcp_session_keys_line(const mcp_mark_t *mark, const char *text, size_t len,
    mcp_report_t *report, mcp_session_keys_t *keys)
{
    size_t          i;
    const char     *wrong;
    unsigned char   key[MCP_SEAL_KEY_LEN];

    /* editors of other systems end a line with two characters */

    while (len && (text[len - 1] == '\r' || text[len - 1] == ' ')) {
        len--;
    }

    if (len == 0 || text[0] == '#') {
        return;
    }

    wrong = mcp_session_key_decode(text, len, key);
    if (wrong) {
        mcp_report_add(report, MCP_REPORT_ERROR, mark, "found %s, expected "
                       "%s", wrong, mcp_session_expected);
        return;
    }

    for (i = 0; i < keys->count; i++) {
        if (CRYPTO_memcmp(keys->keys[i], key, sizeof(key)) == 0) {
            mcp_report_add(report, MCP_REPORT_ERROR, mark, "found a session "
                           "key again, expected each key once");
            break;
        }
    }

    if (i == MCP_SESSION_KEYS_MAX) {
        mcp_report_add(report, MCP_REPORT_ERROR, mark, "found more than %d "
                       "session keys, expected fewer: old ones only open "
                       "what they sealed", MCP_SESSION_KEYS_MAX);

    } else if (i == keys->count) {
        memcpy(keys->keys[keys->count++], key, sizeof(key));
    }

    OPENSSL_cleanse(key, sizeof(key));
}


/* What is wrong with the line, or NULL. */
static const char *
mcp_session_key_decode(const char *text, size_t len,
    unsigned char ret_key[MCP_SEAL_KEY_LEN])
{
    char  check[MCP_SESSION_KEY_CHECK_LEN];

    if (len < MCP_SESSION_PREFIX_LEN
        || memcmp(text, MCP_SESSION_KEY_PREFIX, MCP_SESSION_PREFIX_LEN) != 0)
    {
        return "a line that is no session key";
    }

    if (len != MCP_SESSION_KEY_LEN) {
        return len < MCP_SESSION_KEY_LEN ? "a session key that is too short"
                                         : "a session key that is too long";
    }

    mcp_key_checksum(text, MCP_SESSION_BODY_LEN, check);

    if (memcmp(text + MCP_SESSION_BODY_LEN, check, sizeof(check)) != 0
        || mcp_base64_decode(text + MCP_SESSION_PREFIX_LEN,
                             MCP_SESSION_KEY_BASE64_LEN, ret_key)
           != MCP_OK)
    {
        return "a session key with a wrong character";
    }

    return NULL;
}
