use super::*;

#[test]
fn each_vendors_refusal_is_understood() {
    let unknown = || Trouble::UnknownModel { name: "m".into() };
    let cases: Vec<(u16, &str, Trouble)> = vec![
        // Anthropic
        (
            401,
            r#"{"type":"error","error":{"type":"authentication_error","message":"invalid x-api-key"}}"#,
            Trouble::WrongKey,
        ),
        (
            400,
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the API."}}"#,
            Trouble::NoCredit,
        ),
        (402, r#"{"type":"error","error":{"type":"billing_error","message":"x"}}"#, Trouble::NoCredit),
        (403, r#"{"type":"error","error":{"type":"permission_error","message":"x"}}"#, Trouble::NotPermitted),
        (404, r#"{"type":"error","error":{"type":"not_found_error","message":"model: m"}}"#, unknown()),
        (
            400,
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 200241 tokens > 200000 maximum"}}"#,
            Trouble::ContextTooLong,
        ),
        (
            413,
            r#"{"type":"error","error":{"type":"request_too_large","message":"x"}}"#,
            Trouble::ContextTooLong,
        ),
        (429, r#"{"type":"error","error":{"type":"rate_limit_error","message":"x"}}"#, Trouble::RateLimited),
        (
            529,
            r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#,
            Trouble::Overloaded,
        ),
        (500, r#"{"type":"error","error":{"type":"api_error","message":"x"}}"#, Trouble::ServerFault),
        (
            200,
            r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#,
            Trouble::Overloaded,
        ),
        (
            400,
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"messages: x"}}"#,
            Trouble::BadRequest,
        ),
        // OpenAI
        (
            401,
            r#"{"error":{"message":"Incorrect API key","type":"invalid_request_error","param":null,"code":"invalid_api_key"}}"#,
            Trouble::WrongKey,
        ),
        (
            429,
            r#"{"error":{"message":"You exceeded your current quota","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}"#,
            Trouble::NoCredit,
        ),
        (
            429,
            r#"{"error":{"message":"x","type":"requests","param":null,"code":"rate_limit_exceeded"}}"#,
            Trouble::RateLimited,
        ),
        (
            404,
            r#"{"error":{"message":"The model `m` does not exist","type":"invalid_request_error","param":null,"code":"model_not_found"}}"#,
            unknown(),
        ),
        (
            400,
            r#"{"error":{"message":"This model's maximum context length is 8192 tokens.","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}"#,
            Trouble::ContextTooLong,
        ),
        (
            400,
            r#"{"error":{"message":"filtered","code":"content_filter","innererror":{"code":"ResponsibleAIPolicyViolation"}}}"#,
            Trouble::Filtered,
        ),
        // OpenRouter
        (402, r#"{"error":{"message":"Insufficient credits.","code":402}}"#, Trouble::NoCredit),
        (
            403,
            r#"{"error":{"message":"x","code":403,"metadata":{"reasons":["violence"],"flagged_input":"…"}}}"#,
            Trouble::Filtered,
        ),
        (400, r#"{"error":{"message":"m is not a valid model ID","code":400}}"#, unknown()),
        (200, r#"{"error":{"message":"Provider returned error","code":502}}"#, Trouble::ServerFault),
        (200, r#"{"error":{"message":"slow","code":429}}"#, Trouble::RateLimited),
        (
            404,
            r#"{"error":{"message":"No endpoints found that support tool use.","code":404}}"#,
            Trouble::NoTools,
        ),
        // vLLM
        (
            400,
            r#"{"object":"error","message":"This model's maximum context length is 4096 tokens.","type":"BadRequestError","param":null,"code":400}"#,
            Trouble::ContextTooLong,
        ),
        (
            404,
            r#"{"error":{"message":"The model `m` does not exist.","type":"NotFoundError","param":"model","code":404}}"#,
            unknown(),
        ),
        (404, r#"{"detail":"Not Found"}"#, Trouble::NoSuchPath),
        // llama.cpp
        (
            400,
            r#"{"error":{"code":400,"message":"the request exceeds the available context size, try increasing it","type":"exceed_context_size_error","n_prompt_tokens":9,"n_ctx":8}}"#,
            Trouble::ContextTooLong,
        ),
        (
            503,
            r#"{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}"#,
            Trouble::Overloaded,
        ),
        // LM Studio
        (
            400,
            r#"{"error":"Trying to keep the first 5000 tokens when context the overflows. However, the model is loaded with context length of only 4096 tokens"}"#,
            Trouble::ContextTooLong,
        ),
        // Ollama
        (404, r#"{"error":"model 'm' not found"}"#, unknown()),
        (400, r#"{"error":"registry.ollama.ai/library/m does not support tools"}"#, Trouble::NoTools),
        (
            400,
            r#"{"error":"{\"error\":{\"code\":400,\"message\":\"request (8889 tokens) exceeds the available context size\",\"type\":\"exceed_context_size_error\"}}"}"#,
            Trouble::ContextTooLong,
        ),
        // Something in between
        (502, "<html><body>Bad Gateway</body></html>", Trouble::ServerFault),
        (404, "404 page not found", Trouble::NoSuchPath),
        (400, "", Trouble::BadRequest),
        (418, "null", Trouble::BadRequest),
    ];
    for (status, body, trouble) in cases {
        assert_eq!(PeerError::read(body).trouble(status, "m"), trouble, "{status} {body}");
    }
}

#[test]
fn words_about_a_refused_key_are_not_repeated() {
    let error = PeerError::read(
        r#"{"error":{"message":"Incorrect API key provided: abc","code":"invalid_api_key"}}"#,
    );
    assert_eq!(error.words(&error.trouble(401, "m")), None);
    assert_eq!(PeerError::read("<html>x</html>").words(&Trouble::ServerFault), None);
    assert_eq!(PeerError::read("busy").words(&Trouble::Overloaded).as_deref(), Some("busy"));
}
