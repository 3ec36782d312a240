// The same as hello.c in C++: the header is of use there too.
#include <cerrno>
#include <fourtuple.h>
#include <iostream>
#include <string>
#include <system_error>

static int check(int result, const char *what)
{
	if (result < 0)
		throw std::system_error(errno, std::generic_category(), what);
	return result;
}

int main(int argc, char **argv)
{
	const std::string greeting = "hello from C++";
	std::string answer(greeting.size(), ' ');
	sockaddr_in here{};
	socklen_t length = sizeof(here);
	auto *address = reinterpret_cast<sockaddr *>(&here);

	if (ft_init(&argc, argv) < 0)
		return 1;
	check(ft_local_address(0, address, &length), "ft_local_address");
	here.sin_port = htons(7000);
	int listener = check(ft_socket(AF_INET, SOCK_STREAM, 0), "socket");
	int client = check(ft_socket(AF_INET, SOCK_STREAM, 0), "socket");
	check(ft_bind(listener, address, length), "bind");
	check(ft_listen(listener, 1), "listen");
	check(ft_connect(client, address, length), "connect");
	int peer = check(ft_accept(listener, nullptr, nullptr), "accept");
	check(ft_send(client, greeting.data(), greeting.size(), 0), "send");
	check(ft_recv(peer, &answer[0], answer.size(), MSG_WAITALL), "recv");
	std::cout << answer << std::endl;
	ft_exit();
	return answer == greeting ? 0 : 1;
}
