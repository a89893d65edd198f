using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Abstractions;
using Microsoft.AspNetCore.Http.Features;

namespace ConsentSnapshots.EdgeApi.Http;

/// <summary>The web server, which asks <see cref="HeldAnswers"/> first and gives everything else to the application.</summary>
internal sealed class HeldAnswersServer(IServer server, HeldAnswers answers) : IServer
{
    public IFeatureCollection Features => server.Features;

    public Task StartAsync<TContext>(IHttpApplication<TContext> application, CancellationToken cancellationToken)
        where TContext : notnull => server.StartAsync(new Application<TContext>(application, answers), cancellationToken);

    public Task StopAsync(CancellationToken cancellationToken) => server.StopAsync(cancellationToken);

    public void Dispose() => server.Dispose();

    /// <summary>Puts this in the place of the server that is registered.</summary>
    public static void AddTo(IServiceCollection services)
    {
        var registered = services.Last(service => service.ServiceType == typeof(IServer));
        if (registered.ImplementationType is not { } type) throw new InvalidOperationException("The web server is registered in another way than Kestrel is.");
        services.Remove(registered);
        services.AddSingleton<IServer>(provider =>
            new HeldAnswersServer((IServer)ActivatorUtilities.CreateInstance(provider, type), provider.GetRequiredService<HeldAnswers>()));
    }

    private sealed class Application<TContext>(IHttpApplication<TContext> application, HeldAnswers answers) : IHttpApplication<Request<TContext>>
        where TContext : notnull
    {
        /// <summary>Kestrel keeps the object with the connection, so that it is made once for many requests.</summary>
        public Request<TContext> CreateContext(IFeatureCollection contextFeatures)
        {
            var request = (contextFeatures as IHostContextContainer<Request<TContext>>)?.HostContext ?? new Request<TContext>();
            if (contextFeatures is IHostContextContainer<Request<TContext>> container) container.HostContext = request;
            request.Features = contextFeatures;
            return request;
        }

        public Task ProcessRequestAsync(Request<TContext> context)
        {
            if (answers.TryAnswer(context.Features!, out var sent)) return sent;
            context.Context = application.CreateContext(context.Features!);
            context.HasContext = true;
            return application.ProcessRequestAsync(context.Context);
        }

        public void DisposeContext(Request<TContext> context, Exception? exception)
        {
            if (context.HasContext) application.DisposeContext(context.Context!, exception);
            (context.Features, context.Context, context.HasContext) = (null, default, false);
        }
    }

    private sealed class Request<TContext>
    {
        public IFeatureCollection? Features { get; set; }

        /// <summary>The application's own context, where the request is given to it.</summary>
        public TContext? Context { get; set; }

        public bool HasContext { get; set; }
    }
}
