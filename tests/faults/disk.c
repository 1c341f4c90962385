/* A disk that fails: loaded before libc, it lets the n-th change under a folder fail.
 *
 * Every way in which Python, SQLite and Arrow change a disk passes here, so that each single write
 * of a command can be made to fail. A write that fails has written half of what it was given, as
 * a full disk does.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static char under[PATH_MAX];
static int first, last, reason, removing;
static atomic_int changes;

/* Let the changes under a folder numbered from `from` to `to` fail with an error number.
 *
 * Either what writes counts as a change, or what removes. */
void disk_fail(const char *folder, int from, int to, int error, int removals) {
    first = from, last = to, reason = error, removing = removals, changes = 0;
    strncpy(under, folder, sizeof under - 1);
}

int disk_changes(void) { return changes; }

static int is_under(const char *path) {
    char whole[PATH_MAX * 2];
    if (!*under) return 0;
    if (*path != '/') {
        if (!getcwd(whole, PATH_MAX)) return 0;
        strcat(whole, "/");
        strncat(whole, path, PATH_MAX - 1);
        path = whole;
    }
    return strncmp(path, under, strlen(under)) == 0;
}

static int refuses(const char *path, int removal) {
    if (removal != removing || !is_under(path)) return 0;
    int number = ++changes;
    if (number < first || number > last) return 0;
    errno = reason;
    return 1;
}

static int refuses_at(int file, int removal) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = *under ? readlink(link, path, PATH_MAX - 1) : 0;
    if (length <= 0) return 0;
    path[length] = 0;
    return refuses(path, removal);
}

static int fails(const char *path) { return refuses(path, 0); }
static int fails_at(int file) { return refuses_at(file, 0); }

#define REAL(name) \
    static __typeof__(&name) real; \
    if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

ssize_t write(int file, const void *bytes, size_t size) {
    REAL(write);
    if (!fails_at(file)) return real(file, bytes, size);
    ssize_t half = size > 1 ? real(file, bytes, size / 2) : 0;
    if (half > 0 && reason == ENOSPC) return half;
    errno = reason;
    return -1;
}

#define PWRITE(name, offset_t) \
    ssize_t name(int file, const void *bytes, size_t size, offset_t place) { \
        REAL(name); \
        if (!fails_at(file)) return real(file, bytes, size, place); \
        ssize_t half = size > 1 ? real(file, bytes, size / 2, place) : 0; \
        if (half > 0 && reason == ENOSPC) return half; \
        errno = reason; \
        return -1; \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

ssize_t writev(int file, const struct iovec *parts, int count) {
    REAL(writev);
    return fails_at(file) ? -1 : real(file, parts, count);
}

#define TRUNCATE(name, offset_t) \
    int name(int file, offset_t size) { \
        REAL(name); \
        return fails_at(file) ? -1 : real(file, size); \
    }
TRUNCATE(ftruncate, off_t)
TRUNCATE(ftruncate64, off64_t)

#define ALLOCATE(name, offset_t) \
    int name(int file, offset_t place, offset_t size) { \
        REAL(name); \
        return fails_at(file) ? reason : real(file, place, size); \
    }
ALLOCATE(posix_fallocate, off_t)
ALLOCATE(posix_fallocate64, off64_t)

#define SYNC(name) \
    int name(int file) { \
        REAL(name); \
        return fails_at(file) ? -1 : real(file); \
    }
SYNC(fsync)
SYNC(fdatasync)

#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        REAL(name); \
        va_list rest; \
        va_start(rest, flags); \
        mode_t mode = va_arg(rest, mode_t); \
        va_end(rest); \
        if ((flags & (O_CREAT | O_TRUNC)) && fails(path)) return -1; \
        return real(path, flags, mode); \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name) \
    int name(int folder, const char *path, int flags, ...) { \
        REAL(name); \
        va_list rest; \
        va_start(rest, flags); \
        mode_t mode = va_arg(rest, mode_t); \
        va_end(rest); \
        if ((flags & (O_CREAT | O_TRUNC)) && fails(path)) return -1; \
        return real(folder, path, flags, mode); \
    }
OPENAT(openat)
OPENAT(openat64)

int mkdir(const char *path, mode_t mode) {
    REAL(mkdir);
    return fails(path) ? -1 : real(path, mode);
}

int rename(const char *from, const char *to) {
    REAL(rename);
    return fails(to) ? -1 : real(from, to);
}

int link(const char *from, const char *to) {
    REAL(link);
    return fails(to) ? -1 : real(from, to);
}

int unlink(const char *path) {
    REAL(unlink);
    return refuses(path, 1) ? -1 : real(path);
}

int rmdir(const char *path) {
    REAL(rmdir);
    return refuses(path, 1) ? -1 : real(path);
}

int unlinkat(int folder, const char *path, int flags) {
    REAL(unlinkat);
    int whole = folder == AT_FDCWD || *path == '/';
    return (whole ? refuses(path, 1) : refuses_at(folder, 1)) ? -1 : real(folder, path, flags);
}
