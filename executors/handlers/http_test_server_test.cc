#include "executors/handlers/http_test_server.h"

#include <curl/curl.h>

#include <string>

#include "gtest/gtest.h"

namespace remuda {
namespace {

size_t Append(char* data, size_t one, size_t count, void* text) {
  static_cast<std::string*>(text)->append(data, one * count);
  return one * count;
}

// By a client that is not ours.
std::string Get(const std::string& url) {
  CURL* handle = curl_easy_init();
  std::string text;
  curl_easy_setopt(handle, CURLOPT_URL, url.c_str());
  curl_easy_setopt(handle, CURLOPT_NOPROXY, "*");
  curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, Append);
  curl_easy_setopt(handle, CURLOPT_WRITEDATA, &text);
  const CURLcode code = curl_easy_perform(handle);
  curl_easy_cleanup(handle);
  return code == CURLE_OK ? text : curl_easy_strerror(code);
}

TEST(HttpTestServerTest, AnswersWhatItWasTold) {
  HttpTestServer server;
  server.Page("/page", "hello");
  server.Answer("/close", HttpTestServer::kClose);
  EXPECT_EQ(Get(server.Url("/page")), "hello");
  EXPECT_EQ(Get(server.Url("/other")), "gone");
  EXPECT_EQ(Get(server.Url("/close")),
            "Server returned nothing (no headers, "
            "no data)");
  EXPECT_EQ(server.requests(), 3u);
}

}  // namespace
}  // namespace remuda
