using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Abstractions;
using Microsoft.AspNetCore.Http.Features;

namespace ConsentSnapshots.EdgeApi.Http;

/// <summary>The web server, which asks <see cref="HeldAnswers"/> first and gives everything else to the application.</summary>
internal sealed class HeldAnswersServer(IServer server, HeldAnswers answers) : IServer
{
    public IFeatureCollection Features => server.Features;

    public Task StartAsync<TContext>(IHttpApplication<TContext> application, CancellationToken cancellationToken)
        where TContext : notnull => server.StartAsync(new HeldAnswersApplication<TContext>(application, answers), cancellationToken);

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
}

/// <summary>Answers what is held, and makes the application's own context only for the rest.</summary>
/// <typeparam name="TContext">The application's context.</typeparam>
internal sealed class HeldAnswersApplication<TContext>(IHttpApplication<TContext> application, HeldAnswers answers) : IHttpApplication<HeldAnswersRequest>
    where TContext : notnull
{
    /// <summary>Kestrel keeps the object with the connection, so that it is made once for many requests.</summary>
    public HeldAnswersRequest CreateContext(IFeatureCollection contextFeatures)
    {
        var container = contextFeatures as IHostContextContainer<HeldAnswersRequest>;
        var request = container?.HostContext ?? new HeldAnswersRequest();
        if (container is not null) container.HostContext = request;
        request.Features = contextFeatures;
        return request;
    }

    public Task ProcessRequestAsync(HeldAnswersRequest context)
    {
        if (answers.TryAnswer(context.Features!, out var sent)) return sent;
        var own = application.CreateContext(context.Features!);
        context.Context = own;
        return application.ProcessRequestAsync(own);
    }

    public void DisposeContext(HeldAnswersRequest context, Exception? exception)
    {
        if (context.Context is TContext own) application.DisposeContext(own, exception);
        (context.Features, context.Context) = (null, null);
    }
}

/// <summary>A request under way.</summary>
internal sealed class HeldAnswersRequest
{
    public IFeatureCollection? Features { get; set; }

    /// <summary>The application's own context, where the request was given to it.</summary>
    public object? Context { get; set; }
}
