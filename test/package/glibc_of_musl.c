/* What Debian's libstdc++ and libgcc want of glibc and musl has not, under the name of glibc's loader, so that an
   executable for musl runs on Debian's musl. On a system of musl nothing of this is needed. */
#include <stddef.h>

extern long getrandom(void *, size_t, unsigned);
extern size_t strftime_l(char *, size_t, const char *, const void *, void *);

char __libc_single_threaded = 0;
int __cpu_model[8];
int __cpu_indicator_init(void) { return 0; }
int __cxa_thread_atexit_impl(void (*end)(void *), void *of, void *dso) { return 0; }
int _dl_find_object(void *address, void *found) { return -1; }
unsigned arc4random(void) { unsigned value = 0; getrandom(&value, sizeof value, 0); return value; }
size_t __strftime_l(char *to, size_t size, const char *format, const void *time, void *locale) {
  return strftime_l(to, size, format, time, locale);
}
