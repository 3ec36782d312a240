// An application outside the tree: connects to itself over its own address and says hello.
#include <err.h>
#include <fourtuple.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
	static const char greeting[] = "hello from C";
	struct sockaddr_in here;
	socklen_t length = sizeof(here);
	char answer[sizeof(greeting)] = "";
	int listener, client, peer;

	if (ft_init(&argc, argv) < 0)
		return 1;
	if (ft_local_address(0, (struct sockaddr *)&here, &length) < 0)
		err(1, "ft_local_address");
	here.sin_port = htons(7000);
	listener = ft_socket(AF_INET, SOCK_STREAM, 0);
	client = ft_socket(AF_INET, SOCK_STREAM, 0);
	if (ft_bind(listener, (struct sockaddr *)&here, length) < 0 || ft_listen(listener, 1) < 0)
		err(1, "listen");
	if (ft_connect(client, (struct sockaddr *)&here, length) < 0)
		err(1, "connect");
	peer = ft_accept(listener, NULL, NULL);
	if (ft_send(client, greeting, sizeof(greeting), 0) != sizeof(greeting))
		err(1, "send");
	if (ft_recv(peer, answer, sizeof(answer), MSG_WAITALL) != sizeof(answer))
		err(1, "recv");
	puts(answer);
	ft_exit();
	return strcmp(answer, greeting) != 0;
}
