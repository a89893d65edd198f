using System.Text.Json;
using System.Text.Json.Serialization;

namespace ConsentSnapshots.EdgeApi.Http;

/// <summary><c>/health/live</c>: the process answers. <c>/health/ready</c>: it can serve; 503 with reasons while it cannot.</summary>
internal static class HealthEndpoints
{
    public static void MapHealth(this IEndpointRouteBuilder routes)
    {
        var health = routes.ServiceProvider.GetRequiredService<EdgeHealth>();
        var headers = routes.ServiceProvider.GetRequiredService<EdgeHeaders>();
        routes.MapResource("/health/live", context => WriteAsync(context, StatusCodes.Status200OK, "{\"status\":\"live\"}"u8.ToArray()));
        routes.MapResource("/health/ready", context =>
        {
            var readiness = health.Check(out var ready);
            return WriteAsync(context, ready ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable,
                JsonSerializer.SerializeToUtf8Bytes(readiness, HealthJsonContext.Default.Readiness));
        });

        Task WriteAsync(HttpContext context, int status, byte[] body)
        {
            var response = context.Response;
            response.StatusCode = status;
            headers.ApplyCommon(context);
            response.Headers.ContentType = EdgeHeaders.Json;
            response.Headers.CacheControl = EdgeHeaders.NotStored;
            response.ContentLength = body.Length;
            return HttpMethods.IsHead(context.Request.Method) ? Task.CompletedTask : response.Body.WriteAsync(body, context.RequestAborted).AsTask();
        }
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(Readiness))]
internal sealed partial class HealthJsonContext : JsonSerializerContext;
