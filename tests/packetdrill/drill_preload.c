// Calls that the tool makes to libc although a stack is loaded. They come here because the object
// is also preloaded; what is not ours goes to the kernel.
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "drill.h"
#include "fourtuple.h"

#define EXPORTED __attribute__((visibility("default")))
#define CHUNK	 65536

static int find_ours(int fd)
{
	return ft_drill_instance != NULL ? ft_drill_descriptor_find(ft_drill_instance, fd) : -1;
}

// What the tool asks for beside TCP_INFO, and needs an answer to, though scripts hardly look at it:
// the congestion control's own figures (none, as with Linux's Reno) and the kernel's bookkeeping of
// memory (zeros).
static bool is_only_linux(int level, int name, void *value, socklen_t *length)
{
	if (level == IPPROTO_TCP && name == TCP_CC_INFO) {
		*length = 0;
		return true;
	}
	if (level == SOL_SOCKET && name == SO_MEMINFO) {
		memset(value, 0, *length);
		return true;
	}
	return false;
}

// The tool counts on a struct tcp_info as long as the newest kernel's: what ours has not got is 0.
static int get_option(int ours, int level, int name, void *value, socklen_t *length)
{
	const socklen_t room = *length;
	const int result = ft_getsockopt(ours, level, name, value, length);

	if (result == 0 && level == IPPROTO_TCP && name == TCP_INFO) {
		memset((uint8_t *)value + *length, 0, room - *length);
		*length = room;
	}
	return result;
}

// For TCP_INFO, which scripts assert about.
EXPORTED int getsockopt(int fd, int level, int name, void *value, socklen_t *length)
{
	const int ours = find_ours(fd);
	int result;

	if (ours >= 0 && is_only_linux(level, name, value, length))
		return 0;
	if (ours < 0)
		return (int)syscall(SYS_getsockopt, fd, level, name, value, length);
	ft_drill_enter(ft_drill_instance);
	result = get_option(ours, level, name, value, length);
	ft_drill_leave(ft_drill_instance);
	return result;
}

// As far as the socket takes it.
static ssize_t send_file(int ours, int in, off_t *offset, size_t count)
{
	char bytes[CHUNK];
	const off_t from = offset != NULL ? *offset : lseek(in, 0, SEEK_CUR);
	const ssize_t taken = pread(in, bytes, RTE_MIN(count, sizeof(bytes)), from);
	const ssize_t sent = taken > 0 ? ft_send(ours, bytes, taken, 0) : taken;

	if (sent > 0 && offset != NULL)
		*offset = from + sent;
	else if (sent > 0)
		lseek(in, from + sent, SEEK_SET);
	return sent;
}

// With large files switched on the header renames sendfile(); the tool calls it by its plain name.
EXPORTED ssize_t send_file_to(int out, int in, off_t *offset, size_t count) __asm__("sendfile");

ssize_t send_file_to(int out, int in, off_t *offset, size_t count)
{
	const int ours = find_ours(out);
	ssize_t sent;

	if (ours < 0)
		return syscall(SYS_sendfile, out, in, offset, count);
	ft_drill_enter(ft_drill_instance);
	sent = send_file(ours, in, offset, count);
	ft_drill_leave(ft_drill_instance);
	return sent;
}

// The tool locks its memory for the sake of its timing, which needs a privilege. Virtual time does
// not run away.
EXPORTED int mlockall(int flags)
{
	return 0;
}
