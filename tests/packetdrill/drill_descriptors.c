#include <sys/eventfd.h>
#include <unistd.h>

#include "drill.h"
#include "fourtuple.h"

int ft_drill_descriptor_add(struct ft_drill *drill, int ours)
{
	int fd;

	if (ours < 0)
		return ours;
	fd = eventfd(0, EFD_CLOEXEC);
	if (fd < 0 || fd >= FT_DRILL_DESCRIPTORS) {
		close(fd);
		ft_close(ours);
		return -1;
	}
	drill->descriptors[fd] = ours;
	return fd;
}

int ft_drill_descriptor_find(const struct ft_drill *drill, int fd)
{
	if (fd < 0 || fd >= FT_DRILL_DESCRIPTORS || drill->descriptors[fd] == 0)
		return -1;
	return drill->descriptors[fd];
}

void ft_drill_descriptor_remove(struct ft_drill *drill, int fd)
{
	drill->descriptors[fd] = 0;
	close(fd);
}
