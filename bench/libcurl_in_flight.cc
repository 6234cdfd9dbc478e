// Fetches one URL many times at once with libcurl's multi interface and
// nothing else: what in_flight.py compares `http.fetch` with.
//
//   libcurl_in_flight URL COUNT
//
// All requests are begun before the first is answered, with the two options
// that save most where there are so many: no signals to mask, and no search for
// a connection to share. Waiting by epoll through curl_multi_socket_action()
// was tried and is no faster, since all sockets are ready at about the same
// time.

#include <curl/curl.h>

#include <cstdio>
#include <cstdlib>

namespace {

size_t Drop(char* /*bytes*/, size_t size, size_t count, void* /*unused*/) {
  return size * count;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: %s URL COUNT\n", argv[0]);
    return 2;
  }
  const int count = std::atoi(argv[2]);
  curl_global_init(CURL_GLOBAL_DEFAULT);
  CURLM* multi = curl_multi_init();
  for (int i = 0; i < count; ++i) {
    CURL* easy = curl_easy_init();
    curl_easy_setopt(easy, CURLOPT_URL, argv[1]);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, Drop);
    curl_easy_setopt(easy, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
    curl_multi_add_handle(multi, easy);
  }
  int succeeded = 0;
  int running = 1;
  while (running > 0) {
    curl_multi_perform(multi, &running);
    int left = 0;
    while (CURLMsg* message = curl_multi_info_read(multi, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      succeeded += message->data.result == CURLE_OK;
      CURL* easy = message->easy_handle;
      curl_multi_remove_handle(multi, easy);
      curl_easy_cleanup(easy);
    }
    if (running > 0) curl_multi_poll(multi, nullptr, 0, 1000, nullptr);
  }
  curl_multi_cleanup(multi);
  std::printf("%d\n", succeeded);
  return succeeded == count ? 0 : 1;
}
