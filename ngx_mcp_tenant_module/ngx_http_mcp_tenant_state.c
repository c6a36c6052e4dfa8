/*
 * The state folder: what outlives processes.  One NGINX owns it at a time.
 *
 *   owner        locked by the master, for as long as any of its family lives
 *   lock         locked by whoever publishes an image
 *   tenants.img  the newest image
 */

#include "ngx_http_mcp_tenant_module.h"
#include "core/mcp_file.h"

#include <sys/file.h>


#define NGX_HTTP_MCP_TENANT_LOCK_MS     5
#define NGX_HTTP_MCP_TENANT_LOCK_TRIES  400


static void ngx_http_mcp_tenant_state_path(
    ngx_http_mcp_tenant_main_conf_t *mtmcf, const char *name, u_char *path);
static ngx_fd_t ngx_http_mcp_tenant_state_inherited(ngx_fd_t fd);


/*
 * A lock belongs to the open file, which children and a binary upgrade inherit:
 * that it is held by this family shows in a descriptor of this process.
 */
ngx_int_t
ngx_http_mcp_tenant_state_own(ngx_http_mcp_tenant_main_conf_t *mtmcf,
    ngx_log_t *log)
{
    u_char     path[NGX_MAX_PATH];
    ngx_fd_t   fd, inherited;
    ngx_err_t  err;

    if (ngx_test_config) {
        return NGX_OK;
    }

    ngx_http_mcp_tenant_state_path(mtmcf, "owner", path);

    fd = open((char *) path, O_RDWR|O_CREAT|O_NOFOLLOW, 0600);

    if (fd == NGX_INVALID_FILE) {
        ngx_log_error(NGX_LOG_EMERG, log, ngx_errno,
                      "\"%s\" cannot be opened, expected a folder that this "
                      "NGINX may write to", path);
        return NGX_ERROR;
    }

    if (flock(fd, LOCK_EX|LOCK_NB) == 0) {
        mtmcf->owner = fd;
        return NGX_OK;
    }

    err = ngx_errno;
    inherited = ngx_http_mcp_tenant_state_inherited(fd);
    (void) ngx_close_file(fd);

    if (inherited == NGX_INVALID_FILE) {
        ngx_log_error(NGX_LOG_EMERG, log, err,
                      "the folder \"%V\" is in use by another NGINX, expected "
                      "a \"mcp_tenant_state\" for each", &mtmcf->state->name);
        return NGX_ERROR;
    }

    mtmcf->owner = inherited;

    return NGX_OK;
}


/* A duplicate of the other descriptor of the same file, if there is one. */
static ngx_fd_t
ngx_http_mcp_tenant_state_inherited(ngx_fd_t fd)
{
    DIR            *dir;
    ngx_fd_t        other;
    struct stat     mine, found;
    struct dirent  *entry;

    if (fstat(fd, &mine) == -1) {
        return NGX_INVALID_FILE;
    }

    dir = opendir("/proc/self/fd");
    if (dir == NULL) {
        return NGX_INVALID_FILE;
    }

    while ((entry = readdir(dir)) != NULL) {

        other = (ngx_fd_t) ngx_atoi((u_char *) entry->d_name,
                                    ngx_strlen(entry->d_name));

        if (other >= 0 && other != fd && fstat(other, &found) == 0
            && found.st_dev == mine.st_dev && found.st_ino == mine.st_ino)
        {
            (void) closedir(dir);
            return dup(other);
        }
    }

    (void) closedir(dir);

    return NGX_INVALID_FILE;
}


void
ngx_http_mcp_tenant_state_disown(ngx_http_mcp_tenant_main_conf_t *mtmcf)
{
    if (mtmcf->owner != NGX_INVALID_FILE) {
        (void) ngx_close_file(mtmcf->owner);
        mtmcf->owner = NGX_INVALID_FILE;
    }
}


ngx_fd_t
ngx_http_mcp_tenant_state_lock(ngx_http_mcp_tenant_main_conf_t *mtmcf,
    ngx_uint_t level, ngx_log_t *log)
{
    int         flags;
    u_char      path[NGX_MAX_PATH];
    ngx_fd_t    fd;
    ngx_uint_t  tries;

    ngx_http_mcp_tenant_state_path(mtmcf, "lock", path);

    /* what a master creates, its loader, another user, could not open */

    flags = O_RDWR|O_CLOEXEC|O_NOFOLLOW
            | (ngx_process == NGX_PROCESS_HELPER ? O_CREAT : 0);

    fd = open((char *) path, flags, 0600);

    if (fd == NGX_INVALID_FILE) {
        goto failed;
    }

    /* not for ever: whoever holds it may have been stopped */

    for (tries = 0; flock(fd, LOCK_EX|LOCK_NB) == -1; tries++) {

        if ((ngx_errno != NGX_EAGAIN && ngx_errno != NGX_EINTR)
            || tries == NGX_HTTP_MCP_TENANT_LOCK_TRIES)
        {
            goto failed;
        }

        ngx_msleep(NGX_HTTP_MCP_TENANT_LOCK_MS);
    }

    return fd;

failed:

    ngx_log_error(level, log, ngx_errno,
                  "\"%s\" cannot be locked; what was loaded before goes on",
                  path);

    if (fd != NGX_INVALID_FILE) {
        (void) ngx_close_file(fd);
    }

    return NGX_INVALID_FILE;
}


ngx_int_t
ngx_http_mcp_tenant_state_write(ngx_http_mcp_tenant_main_conf_t *mtmcf,
    const void *block, size_t size, ngx_uint_t level, ngx_log_t *log)
{
    u_char  path[NGX_MAX_PATH];

    ngx_http_mcp_tenant_state_path(mtmcf, "tenants.img", path);

    if (mcp_file_write((char *) path, block, size, S_IRUSR | S_IWUSR)
        != MCP_OK)
    {
        ngx_log_error(level, log, ngx_errno,
                      "\"%s\" cannot be written; what was loaded before goes "
                      "on", path);
        return NGX_ERROR;
    }

    return NGX_OK;
}


const mcp_image_t *
ngx_http_mcp_tenant_state_map(ngx_http_mcp_tenant_main_conf_t *mtmcf,
    size_t *ret_size, const char **reterr_text)
{
    u_char  path[NGX_MAX_PATH];

    ngx_http_mcp_tenant_state_path(mtmcf, "tenants.img", path);
    ngx_set_errno(0);

    return mcp_image_map((char *) path, ret_size, reterr_text);
}


static void
ngx_http_mcp_tenant_state_path(ngx_http_mcp_tenant_main_conf_t *mtmcf,
    const char *name, u_char *path)
{
    (void) ngx_snprintf(path, NGX_MAX_PATH, "%V/%s%Z", &mtmcf->state->name,
                        name);
}
