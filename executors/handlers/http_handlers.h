#pragma once

#include <memory>

#include "executors/handlers/async_handler.h"

namespace remuda {

class HttpClient;

// http.fetch: makes a request, records status and body. A status from
// `fail_on` (400) is an error, with the output still there.
//
// http.crawl: fetches a page, records title and links. What is not HTML has
// neither. A page over kInlinePageBytes is read on one thread of its own, as
// reading it could hold up the loop.
//
// Thread: confined to the loop. Lifetime: the client is shared by both.
inline constexpr size_t kInlinePageBytes = 128 << 10;

std::unique_ptr<AsyncHandler> MakeHttpFetchHandler(
    std::shared_ptr<HttpClient> client);
std::unique_ptr<AsyncHandler> MakeHttpCrawlHandler(
    std::shared_ptr<HttpClient> client);

}  // namespace remuda
