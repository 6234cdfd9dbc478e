#include "executors/handlers/http_error.h"

#include <curl/curl.h>

#include <cerrno>
#include <string>

#include "gtest/gtest.h"

namespace remuda {
namespace {

std::string TextOf(HttpFailure failure) {
  return std::string(StatusOf(failure).message());
}

HttpFailure At(const std::string& url, int code) {
  HttpFailure failure;
  failure.url = url;
  failure.code = code;
  return failure;
}

TEST(HttpErrorTest, NamesWhoAndWhy) {
  EXPECT_EQ(TextOf(At("http://x.test/a", CURLE_COULDNT_RESOLVE_HOST)),
            "could not resolve host x.test");
  HttpFailure failure = At("https://x.test/a", CURLE_COULDNT_CONNECT);
  failure.error_number = EHOSTUNREACH;
  EXPECT_EQ(TextOf(failure), "cannot connect to x.test:443: No route to host");
}

TEST(HttpErrorTest, TellsWhichLimitWasReached) {
  HttpFailure failure = At("http://x.test:81/a", CURLE_OPERATION_TIMEDOUT);
  failure.connect_seconds = 10;
  failure.silence_seconds = 60;
  EXPECT_EQ(TextOf(failure), "no connection to x.test:81 within 10 s");
  failure.connected = true;
  EXPECT_EQ(TextOf(failure), "no answer from x.test:81 within 60 s");
  failure.no_room = true;
  EXPECT_NE(TextOf(failure).find("`concurrency`"), std::string::npos);
}

TEST(HttpErrorTest, KeepsPasswordsToItself) {
  HttpFailure failure = At("http://user:secret@x.test/", CURLE_COULDNT_CONNECT);
  failure.error_number = ECONNREFUSED;
  EXPECT_EQ(TextOf(failure), "connection refused by x.test:80");
}

TEST(HttpErrorTest, StatusTexts) {
  EXPECT_EQ(HttpStatusText(404), "404 Not Found");
  EXPECT_EQ(HttpStatusText(599), "599");
}

TEST(HttpErrorTest, Loopback) {
  EXPECT_TRUE(IsLoopback("http://127.0.0.1:80/x"));
  EXPECT_TRUE(IsLoopback("http://localhost/"));
  EXPECT_TRUE(IsLoopback("http://[::1]:8080/"));
  EXPECT_FALSE(IsLoopback("http://example.com/127.0.0.1"));
}

}  // namespace
}  // namespace remuda
